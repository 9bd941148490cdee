"""Settings of the free-running generations in a golden file, from its description or the name of the array."""

import re
from dataclasses import dataclass
from typing import Any

import torch

from scalingar.core.errors import WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.noise import GeneratorNoise, Noise, TrajectoryNoise
from scalingar.doctor.golden.golden_file import GoldenFile, StoredNoise

_RUN = re.compile(r"(greedy|sample)(?:\.|_(?!logits\.|noise\.))(.+)")
_NAMED = {"cfg": "cfg_scale", "int": "cfg_interval", "k": "top_k", "p": "top_p", "t": "temperature", "seed": "seed"}
_SECTIONS = {"greedy": "greedy", "sample": "samples"}


@dataclass(frozen=True)
class Run:
    """One generation: the array of its codes, and how they were drawn."""

    array: str
    name: str
    guidance_scale: float
    sampling: SamplingConfig
    seed: int

    @property
    def guided(self) -> bool:
        """Whether there is an unconditional branch."""
        return self.guidance_scale > 1.0

    def noise(self, file: GoldenFile) -> Noise:
        """The stored noise, or else torch's generator, seeded as in the official sampler."""
        stored = f"sample_noise.{self.name}"
        if stored in file:
            return StoredNoise(file[stored].unbind())
        if self.sampling.greedy:
            return TrajectoryNoise.streams(0, [0])  # never drawn from
        return GeneratorNoise(torch.Generator().manual_seed(self.seed))


def runs(file: GoldenFile) -> list[Run]:
    """All generations of a file. Raises WeightsError if their settings are missing."""
    matches = [(array, match[1], match[2]) for array in file.arrays if (match := _RUN.fullmatch(array))]
    return [_run(file, array, kind, name) for array, kind, name in matches]


def _run(file: GoldenFile, array: str, kind: str, name: str) -> Run:
    stored = file.config.get(_SECTIONS[kind], {}).get(name)
    settings = _from_name(name) if stored is None else stored
    if settings is None:
        raise WeightsError(f"{file.path} does not say how {array} was drawn; it should in its meta_json.")
    sampling = SamplingConfig(
        temperature=settings.get("temperature", 1.0),
        top_k=settings.get("top_k", 0),
        top_p=settings.get("top_p", 1.0),
        greedy=kind == "greedy",
        guidance_interval=settings.get("cfg_interval", -1),
    )
    return Run(array, name, float(settings.get("cfg_scale", 1.0)), sampling, settings.get("seed", 0))


def _from_name(name: str) -> dict[str, Any] | None:
    """The settings in a name like ``cfg3_int5_k20_p09_t07_seed123``, where 09 means 0.9; None for other names."""
    words = [re.fullmatch(r"([a-z]+)(\d+)", word) for word in name.split("_")]
    if not all(word is not None and word[1] in _NAMED for word in words):
        return None
    return {_NAMED[word[1]]: _number(word[2]) for word in words if word is not None}


def _number(digits: str) -> float | int:
    return float(f"0.{digits[1:]}") if len(digits) > 1 and digits[0] == "0" else int(digits)
