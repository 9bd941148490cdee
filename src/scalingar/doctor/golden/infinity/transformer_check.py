"""Kind ``infinity``: the transformer under teacher forcing, with the options that a file has, and free-running."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from scalingar.doctor.golden.golden_file import CHECKS, EXACT, GUIDED, IMAGES, LOGITS, ROTARY, Comparison, GoldenFile
from scalingar.doctor.golden.infinity.image_checks import images
from scalingar.doctor.golden.infinity.option_hooks import embed_level_before_chunks, guided_after
from scalingar.doctor.golden.infinity.rope_check import check_rotary_mode, grid_rows, rotary_table
from scalingar.doctor.golden.infinity.run_checks import runs
from scalingar.doctor.golden.infinity.vae_check import teacher_codes
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.names import chunk_sizes
from scalingar.models.infinity.released import build_infinity
from scalingar.models.infinity.schedules import infinity_schedule
from scalingar.models.infinity.text import TextCondition
from scalingar.models.infinity.transformer import Infinity
from scalingar.profile.statistics.guidance import guide


@dataclass(frozen=True)
class Forced:
    """One scale under teacher forcing."""

    features: Float[Tensor, "n l c"] | None
    logits: Float[Tensor, "b l g 2"]
    latent: Float[Tensor, "n d h w"]


def build(file: GoldenFile) -> Infinity:
    """The transformer with a file's weights on the file's schedule; the weights determine all sizes.

    Raises:
        WeightsError: the mode of the rotary positions is one that no released model uses.
    """
    check_rotary_mode(file)
    config = file.config
    schedule = infinity_schedule(config.get("h_div_w", 1.0), config.get("pn", "1M"))
    model = build_infinity(file.weights, file.path, schedule)
    if not config.get("add_lvl_embeding_only_first_block", 1):
        embed_level_before_chunks(model, chunk_sizes(file.weights))
    return model


def bit_quantizer(file: GoldenFile, model: Infinity) -> BitQuantizer:
    """The quantiser for the model's tokens; it has no weights, so the autoencoder's file is not needed."""
    patch = 2 if file.config.get("apply_spatial_patchify") else 1
    return BitQuantizer.on(model.schedule, model.groups // patch**2, patch)


def condition(model: Infinity, file: GoldenFile) -> TextCondition:
    """The condition of the texts in a file."""
    lengths = file["text_lens"].tolist()
    texts = file["text_kv_compact"].split(lengths)
    mask = torch.arange(max(lengths)) < file["text_lens"][:, None]
    return model.condition(pad_sequence(list(texts), batch_first=True), mask)


@CHECKS.register("infinity")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Tables and text, logits with every option, bits and sums of every generation, pictures."""
    model = build(file)
    quantizer = bit_quantizer(file, model)
    texts = condition(model, file)
    yield from _tables(file, model, quantizer)
    yield from _text(file, model, texts)
    yield from _teacher_forced(file, model, quantizer, texts)
    yield from _options(file, model, quantizer, texts)
    latents: dict[str, Tensor] = {}
    for run in runs(file):
        yield from run.compared(file, model, quantizer, texts, latents)
    yield from images(file, model, latents)


def _tables(file: GoldenFile, model: Infinity, quantizer: BitQuantizer) -> Iterator[Comparison]:
    yield from file.compare_stored("schedule", grid_rows(model.scales), EXACT)
    yield from file.compare_stored("vae_schedule", grid_rows(quantizer.sides), EXACT)
    yield from file.compare_stored("rope", rotary_table(model.schedule, model.config.dim // model.config.heads), ROTARY)


def _text(file: GoldenFile, model: Infinity, texts: TextCondition) -> Iterator[Comparison]:
    """Pooled and projected text, conditional entries first."""
    starts = torch.cat([torch.zeros(1, dtype=torch.long), file["text_lens"].cumsum(0)])
    yield from file.compare_stored("text_cu_seqlens", starts, EXACT)
    text = texts.conditional.followed_by(texts.unconditional) if _guided(file) else texts.conditional
    normed = model.text_norm(text.features)
    pooled = model.text_proj_for_sos(normed, text.mask)
    yield from file.compare_stored("cond_BD", pooled, LOGITS)
    yield from file.compare_stored("gss", model.shared_ada_lin(pooled).unflatten(-1, (1, 6, -1)), LOGITS)
    yield from file.compare_stored("ca_kv", model.text_proj_for_ca(normed)[text.mask], LOGITS)


def _teacher_forced(
    file: GoldenFile, model: Infinity, quantizer: BitQuantizer, texts: TextCondition
) -> Iterator[Comparison]:
    scales = forced(model, quantizer, texts, _teacher(file, quantizer), guided=_guided(file))
    for k, step in enumerate(scales):
        yield from file.compare_stored(f"tf_logits_raw_{k}", step.logits.flatten(-2), LOGITS)
        branches = step.logits.unflatten(0, (2 if _guided(file) else 1, -1))
        guided = guide(branches, file.config.get("cfg", 1.0))
        yield from file.compare_stored(f"tf_logits_cfg_{k}", guided.flatten(-2) / file.config.get("tau", 1.0), GUIDED)
        if step.features is not None:
            yield from file.compare_stored(f"tf_next_{k}", step.features, IMAGES)
        yield from file.compare_stored(f"tf_summed_{k}", step.latent[:, :, None], IMAGES)
    if len(scales) == len(model.scales):
        yield from file.compare_stored("tf_summed_codes", scales[-1].latent, IMAGES)
    if "fwd_logits" in file:
        rows = len(file["fwd_logits"])
        features = torch.cat([step.features[:rows] for step in scales if step.features is not None], 1)
        logits = model(texts.conditional.first(rows), features)
        yield file.compare("fwd_logits", logits.flatten(-2), LOGITS)


def _options(file: GoldenFile, model: Infinity, quantizer: BitQuantizer, texts: TextCondition) -> Iterator[Comparison]:
    codes = _teacher(file, quantizer)
    if "tf_lvl0_logits_raw_0" in file:
        variant = build(file)
        embed_level_before_chunks(variant, chunk_sizes(file.weights))
        other = forced(variant, quantizer, texts, codes, guided=_guided(file))
        for k, step in enumerate(other):
            yield from file.compare_stored(f"tf_lvl0_logits_raw_{k}", step.logits.flatten(-2), LOGITS)
    if "neg_text_kv_compact" in file:
        text = (file["neg_text_kv_compact"][None], None)
        first = texts.conditional.first(1)
        negative = model.condition(first.features, first.mask, negative=text)
        for k, step in enumerate(forced(model, quantizer, negative, [c[:1] for c in codes], guided=True)):
            yield from file.compare_stored(f"neg_tf_logits_raw_{k}", step.logits.flatten(-2), LOGITS)
    if "cfglayer_tf_logits_0" in file:
        with guided_after(model, file.config["cfg_layer"], file.config["cfg"]):
            blended = forced(model, quantizer, texts, codes, guided=True)
        for k, step in enumerate(blended):
            logits = step.logits[: texts.prompts].flatten(-2) / file.config["tau"]
            yield from file.compare_stored(f"cfglayer_tf_logits_{k}", logits, GUIDED)


def forced(
    model: Infinity, quantizer: BitQuantizer, texts: TextCondition, codes: list[Int[Tensor, "n _l g"]], *, guided: bool
) -> list[Forced]:
    """Run scale by scale through the cache with given codes."""
    cache = model.prefill(texts, guided=guided)
    latent = quantizer.start(texts.prompts, model.device)
    scales = []
    for k, known in enumerate(codes):
        features = quantizer.features(latent, k) if k else None
        logits = model.step(features, k, cache)
        latent = quantizer.accumulate(latent, known, k)
        scales.append(Forced(features, logits, latent))
    return scales


def _teacher(file: GoldenFile, quantizer: BitQuantizer) -> list[Int[Tensor, "n _l g"]]:
    """The codes of all scales that the file has."""
    names = takewhile(lambda name: name in file, (f"bits_in_{k}" for k in range(len(quantizer.sides))))
    return [teacher_codes(file[name], quantizer) for name in names]


def _guided(file: GoldenFile) -> bool:
    return bool(file.config.get("cfg", 1.0) != 1.0)
