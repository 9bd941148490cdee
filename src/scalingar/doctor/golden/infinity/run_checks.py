"""Free-running generations in a file of Infinity's: greedy, and sampled with the noise that was written down."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import Noise, SharedNoise, TrajectoryNoise
from scalingar.doctor.golden.golden_file import EXACT, IMAGES, Comparison, GoldenFile
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.text import TextCondition
from scalingar.models.infinity.transformer import Infinity


@dataclass(frozen=True)
class StoredScaleNoise(SharedNoise):
    """Noise of every scale, ``(n, l * g * 2)``, for rows that stay in step."""

    values: list[Float[Tensor, "n _s"]]

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`~scalingar.decoding.noise.Noise`."""
        return self.values[int(steps[0])].to(device)


@dataclass(frozen=True)
class ScaleRun:
    """One generation over the ``count`` scales the file holds; its arrays start with ``name``."""

    name: str
    count: int
    guidance_scales: list[float]
    temperatures: list[float]
    sampling: SamplingConfig

    def compared(
        self,
        file: GoldenFile,
        model: Infinity,
        quantizer: BitQuantizer,
        texts: TextCondition,
        latents: dict[str, Tensor],
    ) -> Iterator[Comparison]:
        """Bits of every scale and the sum of all; this one goes into ``latents`` for the pictures."""
        guided = any(scale != 1.0 for scale in self.guidance_scales)
        decoder = NextScaleDecoder(model=model, tokenizer=cast(Any, quantizer))
        live = decoder.start(texts, [[0]] * texts.prompts, self._noise(file), guided=guided)
        for k in range(self.count):
            live = live if k == 0 else decoder.advance(live)
            sampling = self.sampling.model_copy(update={"temperature": self.temperatures[k]})
            codes = replace(decoder, sampling=sampling).draw(live, self.guidance_scales[k])
            live = decoder.append(live, codes)
            bits = file[f"{self.name}_bits_{k}"]
            yield file.compare(f"{self.name}_bits_{k}", codes.to(bits.dtype), EXACT)
        if self.count == len(model.scales):
            latents[self.name] = live.latent
            if f"{self.name}_summed_codes" in file:
                yield file.compare(f"{self.name}_summed_codes", live.latent, IMAGES)

    def _noise(self, file: GoldenFile) -> Noise:
        if self.sampling.greedy:
            return TrajectoryNoise.streams(0, [0] * len(file["text_lens"]))  # never drawn from
        return StoredScaleNoise([file[f"{self.name}_noise_{k}"].flatten(1) for k in range(self.count)])


def runs(file: GoldenFile) -> list[ScaleRun]:
    """The greedy generation and the sampled one, those of them that the file holds."""
    found = {"greedy": file.config, "sample": file.config.get("sample", {})}
    return [_run(file, name, told) for name, told in found.items() if f"{name}_bits_0" in file]


def _run(file: GoldenFile, name: str, told: dict[str, Any]) -> ScaleRun:
    total = len(file["schedule"])
    count = next((k for k in range(total) if f"{name}_bits_{k}" not in file), total)
    return ScaleRun(
        name=name,
        count=count,
        guidance_scales=_every(told, "cfg", total),
        temperatures=_every(told, "tau", total),
        sampling=SamplingConfig(greedy=True)
        if name == "greedy"
        else SamplingConfig(top_k=told.get("top_k", 0), top_p=told.get("top_p", 1.0)),
    )


def _every(told: dict[str, Any], name: str, total: int) -> list[float]:
    """One number per scale, from a list or from one for all."""
    values = told.get(f"{name}_list", told.get(name, 1.0))
    return [float(value) for value in values][:total] if isinstance(values, list) else [float(values)] * total
