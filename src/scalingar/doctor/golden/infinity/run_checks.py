"""Free-running generations in a golden file of Infinity: greedy, and sampled with stored noise."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import Noise, TrajectoryNoise
from scalingar.doctor.golden.golden_file import EXACT, IMAGES, Comparison, GoldenFile, StoredNoise
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.text import TextCondition
from scalingar.models.infinity.transformer import Infinity


@dataclass(frozen=True)
class ScaleRun:
    """One generation over the first ``count`` scales; the names of its arrays begin with ``name``."""

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
        """Compare the bits of every scale and their sum, which is put into ``latents`` for the pictures."""
        guided = any(scale != 1.0 for scale in self.guidance_scales)
        decoder = NextScaleDecoder(model=model, tokenizer=cast(Any, quantizer))
        live = decoder.start(texts, [[0]] * texts.prompts, self._noise(file), branches=2 if guided else 1)
        for k in range(self.count):
            live = live if k == 0 else decoder.advance(live)
            sampling = self.sampling.model_copy(update={"temperature": self.temperatures[k]})
            codes = replace(decoder, sampling=sampling).draw(live, self.guidance_scales[k])
            live = decoder.append(live, codes)
            bits = file[f"{self.name}_bits_{k}"]
            yield file.compare(f"{self.name}_bits_{k}", codes.to(bits.dtype), EXACT)
        if self.count == len(model.scales):
            latents[self.name] = live.latent
            yield from file.compare_stored(f"{self.name}_summed_codes", live.latent, IMAGES)

    def _noise(self, file: GoldenFile) -> Noise:
        if self.sampling.greedy:
            return TrajectoryNoise.streams(0, [0] * len(file["text_lens"]))  # never drawn from
        return StoredNoise([file[f"{self.name}_noise_{k}"] for k in range(self.count)])


def runs(file: GoldenFile) -> list[ScaleRun]:
    """The greedy and the sampled generation, if the file has them."""
    settings = {"greedy": file.config, "sample": file.config.get("sample", {})}
    return [_run(file, name, values) for name, values in settings.items() if f"{name}_bits_0" in file]


def _run(file: GoldenFile, name: str, settings: dict[str, Any]) -> ScaleRun:
    total = len(file["schedule"])
    count = next((k for k in range(total) if f"{name}_bits_{k}" not in file), total)
    return ScaleRun(
        name=name,
        count=count,
        guidance_scales=_per_scale(settings, "cfg", total),
        temperatures=_per_scale(settings, "tau", total),
        sampling=SamplingConfig(greedy=True)
        if name == "greedy"
        else SamplingConfig(top_k=settings.get("top_k", 0), top_p=settings.get("top_p", 1.0)),
    )


def _per_scale(settings: dict[str, Any], name: str, total: int) -> list[float]:
    """A number per scale, from a list or a single number."""
    values = settings.get(f"{name}_list", settings.get(name, 1.0))
    return [float(value) for value in values][:total] if isinstance(values, list) else [float(values)] * total
