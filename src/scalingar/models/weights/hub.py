"""Hub names, and fetching files from the hub."""

import re
from pathlib import Path
from typing import Any

from scalingar.core.errors import WeightsError

_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(?::(?P<variant>[\w.-]+))?")
_PATTERNS = ("*.json", "*.safetensors", "*.pt", "*.pth", "*.bin", "*.model", "*.txt")
"""Files that are fetched of a whole repository."""


def split_name(model: str) -> tuple[str, str | None] | None:
    """Repository and variant of ``owner/name`` or ``owner/name:variant``; None for other strings."""
    match = _NAME.fullmatch(model)
    return None if match is None else (match["repo"], match["variant"])


def fetch(repo: str, file: str | None = None) -> Path:
    """The local path of a file or folder (ending in a slash) of a repository, or of all its weights.

    Raises:
        WeightsError: huggingface_hub is not installed, the hub cannot be reached, or it has no such file.
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
    item = repo if file is None else f"{file} of {repo}"
    reasons = {
        "GatedRepoError": "the hub gives it only to those who accepted its terms; accept them and log in",
        "RepositoryNotFoundError": "there is neither a folder nor a repository of this name",
        "EntryNotFoundError": "the repository has no such file",
        "RemoteEntryNotFoundError": "the repository has no such file",
    }
    reason = reasons.get(type(error).__name__)
    if reason is None:
        reason = "the hub cannot be reached and it is not in the local cache"
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        reason += "; connect, or download the files elsewhere and give their folder"
    return f"cannot fetch {item}: {reason}."
