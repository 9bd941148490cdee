"""LlamaGen's and AR-GRPO's weights on the hub, and how their authors sample from them."""

from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.family import Release
from scalingar.models.llamagen.released import Checkpoint

DEFAULTS: dict[Checkpoint, Defaults] = {
    "llamagen-c2i": Defaults(guidance_scale=4.0, sampling=SamplingConfig(top_k=2000)),
    "llamagen-t2i": Defaults(guidance_scale=7.5, sampling=SamplingConfig(top_k=1000)),
    "ar-grpo-c2i": Defaults(guidance_scale=2.0, sampling=SamplingConfig()),
    "ar-grpo-t2i": Defaults(guidance_scale=7.5, sampling=SamplingConfig(top_k=2000), padding="right", zero_pads=False),
}
"""LlamaGen: the samplers' own. AR-GRPO: its GenEval run (text) and its training (class)."""

_LLAMAGEN, _LLAMAGEN_T2I = "FoundationVision/LlamaGen", "peizesun/llamagen_t2i"
_CLASS_SIZES = (("B", 256), ("B", 384), ("L", 256), ("L", 384), ("XL", 384), ("XXL", 384), ("3B", 384))
_TUNED = (("T2I_XL", 256), ("C2I_B", 256), ("C2I_B", 384), ("C2I_L", 384), ("C2I_XL", 384))


def _release(
    pixels: int, repo: str, file: str | None, tokenizer_repo: str, tokenizer_file: str | None = None
) -> Release:
    return Release(
        repo=repo,
        file=file,
        tokenizer_repo=tokenizer_repo,
        tokenizer_file=tokenizer_file,
        grid=(pixels // 16, pixels // 16),
    )


def _class(size: str, pixels: int) -> Release:
    return _release(pixels, _LLAMAGEN, f"c2i_{size}_{pixels}.pt", _LLAMAGEN, "vq_ds16_c2i.pt")


def _text(pixels: int, file: str | None, repo: str = _LLAMAGEN_T2I) -> Release:
    return _release(pixels, repo, file, _LLAMAGEN_T2I, "vq_ds16_t2i.pt")


def _tuned(kind: str, pixels: int) -> dict[str, dict[str, Release]]:
    """AR-GRPO: one folder with both models."""
    repo = f"CSshihao/AR-GRPO_{kind}_{pixels}"
    return {repo: {f"{kind.lower().replace('_', '-')}-{pixels}": _release(pixels, repo, None, repo)}}


_TEXT = {"t2i-xl-256": _text(256, "t2i_XL_stage1_256.pt"), "t2i-xl-512": _text(512, "t2i_XL_stage2_512.pt")}

RELEASES: dict[str, dict[str, Release]] = {
    _LLAMAGEN: {**{f"c2i-{size.lower()}-{pixels}": _class(size, pixels) for size, pixels in _CLASS_SIZES}, **_TEXT},
    _LLAMAGEN_T2I: _TEXT,
    "jadohu/LlamaGen-T2I": {"t2i-xl-256": _text(256, None, "jadohu/LlamaGen-T2I")},
    "jadohu/LlamaGen-T2I-2": {"t2i-xl-512": _text(512, None, "jadohu/LlamaGen-T2I-2")},
    **{repo: variants for kind, pixels in _TUNED for repo, variants in _tuned(kind, pixels).items()},
}
"""By repository, then by variant."""
