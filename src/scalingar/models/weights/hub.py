"""Published weights by name: which files of which repository belong together, and fetching them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.registry import suggestion
from scalingar.models.llamagen.released import Family
from scalingar.models.weights.parts import ModelFamily

_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(?::(?P<variant>[\w.-]+))?")
_PATTERNS = ("*.json", "*.safetensors", "*.pt", "*.pth", "*.bin", "*.model", "*.txt")
"""Of a repository that is not in the table."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published model. Where ``file`` or ``tokenizer_file`` is None, the whole repository is meant.

    A ``file`` that ends in a slash is a folder. ``grid`` or ``image_size``: where the weights do not say it.
    """

    family: Family | Literal["var", "infinity"]
    repo: str
    file: str | None = None
    tokenizer_repo: str
    tokenizer_file: str | None = None
    grid: tuple[int, int] | None = None
    image_size: int | None = None

    @property
    def model_family(self) -> ModelFamily:
        """Whose classes it loads into."""
        return self.family if self.family in {"var", "infinity"} else "llamagen"


_LLAMAGEN, _LLAMAGEN_T2I = "FoundationVision/LlamaGen", "peizesun/llamagen_t2i"
_VAR, _INFINITY = "FoundationVision/var", "FoundationVision/Infinity"


def _class(size: str, pixels: int) -> Release:
    return Release(
        family="llamagen-c2i",
        repo=_LLAMAGEN,
        file=f"c2i_{size}_{pixels}.pt",
        tokenizer_repo=_LLAMAGEN,
        tokenizer_file="vq_ds16_c2i.pt",
        grid=(pixels // 16, pixels // 16),
    )


def _text(stage: int, pixels: int, repo: str = _LLAMAGEN_T2I, file: str | None = "t2i_XL_stage{}_{}.pt") -> Release:
    return Release(
        family="llamagen-t2i",
        repo=repo,
        file=file and file.format(stage, pixels),
        tokenizer_repo=_LLAMAGEN_T2I,
        tokenizer_file="vq_ds16_t2i.pt",
        grid=(pixels // 16, pixels // 16),
    )


def _tuned(kind: str, pixels: int) -> Release:
    """AR-GRPO: one folder with both models."""
    repo = f"CSshihao/AR-GRPO_{kind}_{pixels}"
    family: Family = "ar-grpo-t2i" if kind.startswith("T2I") else "ar-grpo-c2i"
    return Release(family=family, repo=repo, tokenizer_repo=repo, grid=(pixels // 16, pixels // 16))


def _var(size: str) -> Release:
    return Release(
        family="var",
        repo=_VAR,
        file=f"var_{size}.pth",
        tokenizer_repo=_VAR,
        tokenizer_file="vae_ch160v4096z32.pth",
    )


def _infinity(file: str, vae: str, pixels: int) -> Release:
    return Release(
        family="infinity",
        repo=_INFINITY,
        file=file,
        tokenizer_repo=_INFINITY,
        tokenizer_file=f"infinity_vae_{vae}.pth",
        image_size=pixels,
    )


_CLASS_SIZES = (("B", 256), ("B", 384), ("L", 256), ("L", 384), ("XL", 384), ("XXL", 384), ("3B", 384))
_TUNED = (("T2I_XL", 256), ("C2I_B", 256), ("C2I_B", 384), ("C2I_L", 384), ("C2I_XL", 384))
_TEXT = {"t2i-xl-256": _text(1, 256), "t2i-xl-512": _text(2, 512)}

RELEASES: dict[str, dict[str, Release]] = {
    _LLAMAGEN: {**{f"c2i-{size.lower()}-{pixels}": _class(size, pixels) for size, pixels in _CLASS_SIZES}, **_TEXT},
    _LLAMAGEN_T2I: _TEXT,
    "jadohu/LlamaGen-T2I": {"t2i-xl-256": _text(1, 256, "jadohu/LlamaGen-T2I", None)},
    "jadohu/LlamaGen-T2I-2": {"t2i-xl-512": _text(2, 512, "jadohu/LlamaGen-T2I-2", None)},
    **{
        f"CSshihao/AR-GRPO_{kind}_{pixels}": {f"{kind.lower().replace('_', '-')}-{pixels}": _tuned(kind, pixels)}
        for kind, pixels in _TUNED
    },
    _VAR: {size: _var(size) for size in ("d16", "d20", "d24", "d30", "d36")},
    _INFINITY: {
        "125m-256": _infinity("infinity_125M_256x256.pth", "d16", 256),
        "2b-1024": _infinity("infinity_2b_reg.pth", "d32reg", 1024),
        "8b-512": _infinity("infinity_8b_512x512_weights/", "d56_f8_14_patchify", 512),
        "8b-1024": _infinity("infinity_8b_weights/", "d56_f8_14_patchify", 1024),
    },
}
"""By repository, then by variant."""


def split_name(model: str) -> tuple[str, str | None] | None:
    """Repository and variant of ``owner/name`` or ``owner/name:variant``; None for what cannot be one."""
    match = _NAME.fullmatch(model)
    return None if match is None else (match["repo"], match["variant"])


def release(repo: str, variant: str | None) -> Release | None:
    """The table's entry; None for a repository that is not in it.

    Raises:
        ConfigError: the repository has several variants or not this one.
    """
    variants = RELEASES.get(repo)
    if variants is None:
        return None
    if variant is None and len(variants) == 1:
        return next(iter(variants.values()))
    if variant is None:
        raise ConfigError(f"{repo} holds several models; give variant, one of {', '.join(variants)}.")
    if variant not in variants:
        raise ConfigError(f"{repo} has no variant {variant!r}{suggestion(variant, list(variants))}")
    return variants[variant]


def fetch(repo: str, file: str | None = None) -> Path:
    """A file or folder (with a slash behind) of a repository, or all its weights, from the local cache or the hub.

    Raises:
        WeightsError: huggingface_hub is missing, the hub does not answer, or it has no such thing.
    """
    try:
        import huggingface_hub as hub  # noqa: PLC0415
    except ImportError:
        raise WeightsError(
            f"fetching {repo} needs huggingface_hub; install scalingar[hub], or download the files "
            "and give their folder."
        ) from None
    try:
        if file is not None and file.endswith("/"):
            return Path(hub.snapshot_download(repo, allow_patterns=[f"{file}*"])) / file
        if file is not None:
            return Path(hub.hf_hub_download(repo, file))
        return Path(hub.snapshot_download(repo, allow_patterns=list(_PATTERNS)))
    except Exception as error:  # of requests, of the hub's own kinds, and of the disk
        raise WeightsError(_unavailable(repo, file, error)) from None


def _unavailable(repo: str, file: str | None, error: Any) -> str:
    what = repo if file is None else f"{file} of {repo}"
    reasons = {
        "GatedRepoError": "the hub gives it only to those who accepted its terms; accept them and log in",
        "RepositoryNotFoundError": "there is neither a folder nor a repository of this name",
        "EntryNotFoundError": "the repository has no such file",
        "RemoteEntryNotFoundError": "the repository has no such file",
    }
    reason = reasons.get(type(error).__name__)
    if reason is None:
        reason = "the hub cannot be reached and nothing of it is in the local cache"
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        reason += "; connect, or download the files elsewhere and give their folder"
    return f"cannot fetch {what}: {reason}."
