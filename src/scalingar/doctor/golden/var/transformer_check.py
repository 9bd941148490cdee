"""Kind ``var``: the transformer under teacher forcing, with and without a cache, and free-running."""

from collections.abc import Iterator
from pathlib import Path

from jaxtyping import Int
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.teacher_forcing import latents, teacher_features
from scalingar.doctor.golden.golden_file import (
    CHECKS,
    EXACT,
    GUIDED,
    IMAGES,
    LOGITS,
    Comparison,
    GoldenFile,
    StoredNoise,
    difference,
)
from scalingar.doctor.golden.var.vqvae_check import build as build_tokenizer
from scalingar.doctor.golden.var.vqvae_check import next_inputs, per_scale
from scalingar.models.var.multiscale_vq import MultiScaleVQ
from scalingar.models.var.released import check_pair, learned, var_config
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.build_module import build_module
from scalingar.profile.statistics.guidance import guide


def build(file: GoldenFile) -> VAR:
    """The transformer with a file's weights; the file states the heads, the weights determine all other sizes."""
    config = var_config(file.weights, file.path, heads=file.config.get("num_heads"))
    return build_module(lambda: VAR(config), learned(file.weights), file.path)


@CHECKS.register("var")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Compare everything, with the tokenizer from the file beside this one."""
    if not (name := Path(str(file.meta.get("vae_file", ""))).name):
        raise WeightsError(f"{file.path} does not name the file of its tokenizer; it should in its meta_json.")
    yield from compare(file, build(file), build_tokenizer(file.companion(name)))


def compare(file: GoldenFile, model: VAR, tokenizer: MultiScaleVQ) -> Iterator[Comparison]:
    """Logits for given codes, with the cache and on the full sequence; guided logits; sums; codes of each run."""
    check_pair(model, tokenizer)
    codes = per_scale(file, "tokens_in", len(model.scales))
    yield from _teacher_forced(file, model, tokenizer, codes)
    yield from _sums(file, tokenizer, codes)
    greedy = SamplingConfig(greedy=True)
    yield from _run(file, "greedy", NextScaleDecoder(model=model, tokenizer=tokenizer, sampling=greedy))
    settings = file.config.get("sample", {})
    drawn = SamplingConfig(top_k=settings.get("top_k", 0), top_p=settings.get("top_p", 0.0) or 1.0)
    yield from _run(file, "sample", NextScaleDecoder(model=model, tokenizer=tokenizer, sampling=drawn))


def guidance_scale(file: GoldenFile, run: str) -> float:
    """A file's ``cfg`` in this project's convention; VAR's default if it is missing."""
    settings = file.config.get("sample", {}) if run == "sample" else {}
    return 1.0 + float(settings.get("cfg", file.config.get("cfg", 1.5)))


def _teacher_forced(file: GoldenFile, model: VAR, tokenizer: MultiScaleVQ, codes: list[Tensor]) -> Iterator[Comparison]:
    features = teacher_features(tokenizer, codes)
    yield file.compare("fwd_x_BLCv_wo_first_l", features, IMAGES)
    cache = model.prefill(model.condition(file["labels"]), guided=True)
    steps = [None, *features.split([height * width for height, width in model.scales[1:]], dim=1)]
    for scale, inputs in enumerate(steps):
        logits = model.step(inputs, scale, cache)[:, :, 0]
        yield file.compare(f"tf_logits_raw_{scale}", logits, LOGITS)
        strength = model.guidance_at(scale, guidance_scale(file, "greedy"))
        branches = logits.unflatten(0, (2, -1))
        yield file.compare(f"tf_logits_cfg_{scale}", guide(branches, strength), GUIDED)
    full = model(file["labels"], features)[:, :, 0]
    if "fwd_logits" in file:
        yield file.compare("fwd_logits", full[: len(file["fwd_logits"])], LOGITS)
    parts = full.split([height * width for height, width in model.scales], dim=1)
    for scale, part in enumerate(parts):
        gap = difference(file[f"tf_logits_raw_{scale}"][: len(part)], part)
        yield Comparison(f"tf_logits_raw_{scale} (full sequence)", gap, LOGITS)


def _sums(file: GoldenFile, tokenizer: MultiScaleVQ, codes: list[Tensor]) -> Iterator[Comparison]:
    sums = latents(tokenizer, codes)
    for scale, latent in enumerate(sums):
        yield from file.compare_stored(f"tf_f_hat_{scale}", latent, IMAGES)
    yield from next_inputs(file, "tf_next", tokenizer, sums)


def _run(file: GoldenFile, name: str, decoder: NextScaleDecoder) -> Iterator[Comparison]:
    """Compare a free-running generation, if the file has it."""
    if f"{name}_idx_0" not in file:
        return
    drawn_codes = _generated(file, name, decoder)
    latent = latents(decoder.tokenizer, drawn_codes)[-1]
    for scale, codes in enumerate(drawn_codes):
        yield file.compare(f"{name}_idx_{scale}", codes[..., 0], EXACT)
    yield from file.compare_stored(f"{name}_f_hat", latent, IMAGES)
    yield from file.compare_stored(f"{name}_img", (decoder.pixels(latent) + 1) / 2, IMAGES)


def _generated(file: GoldenFile, name: str, decoder: NextScaleDecoder) -> list[Int[Tensor, "n _l g"]]:
    scales = len(decoder.model.scales)
    stored = [file[f"{name}_noise_{scale}"] for scale in range(scales)] if not decoder.sampling.greedy else []
    strength = guidance_scale(file, name)
    condition = decoder.model.condition(file["labels"])
    branches = 2 if strength > 1.0 else 1
    live = decoder.start(condition, [[0] for _ in file["labels"]], StoredNoise(stored), branches=branches)
    drawn_codes = []
    for scale in range(scales):
        drawn_codes.append(decoder.draw(live, strength))
        live = decoder.append(live, drawn_codes[-1])
        if scale + 1 < scales:
            live = decoder.advance(live)
    return drawn_codes
