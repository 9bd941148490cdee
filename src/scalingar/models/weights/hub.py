"""Hub names, and fetching files from the hub."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from scalingar.core.errors import WeightsError

_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(?::(?P<variant>[\w.-]+))?(?:@(?P<revision>[\w.-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATTERNS = ("*.json", "*.safetensors", "*.pt", "*.pth", "*.bin", "*.model", "*.txt")
"""Files that are fetched of a whole repository."""


def split_name(model: str) -> tuple[str, str | None] | None:
    """Repository and variant of ``owner/name`` or ``owner/name:variant``, also with ``@revision``; else None."""
    match = _NAME.fullmatch(model)
    return None if match is None else (match["repo"], match["variant"])


def split_revision(model: str) -> tuple[str, str | None]:
    """A name and the revision (a commit, tag or branch) after its ``@``; other strings as they are."""
    match = _NAME.fullmatch(model)
    if match is None or match["revision"] is None:
        return model, None
    return model.removesuffix(f"@{match['revision']}"), match["revision"]


def commit_of(path: Path) -> str | None:
    """The commit that a file or folder in the hub's cache belongs to; None for others."""
    parts = path.parts
    found = [after for before, after in pairwise(parts) if before == "snapshots" and _COMMIT.fullmatch(after)]
    return found[-1] if found else None


def fetch(repo: str, file: str | None = None) -> Path:
    """The local path of a file or folder (ending in a slash) of a repository, or of all its weights.

    ``repo``: ``owner/name``, or ``owner/name@revision``; the newest revision of its main branch if it names none.

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
    name, revision = split_revision(repo)
    try:
        if file is not None and file.endswith("/"):
            return Path(hub.snapshot_download(name, allow_patterns=[f"{file}*"], revision=revision)) / file
        if file is not None:
            return Path(hub.hf_hub_download(name, file, revision=revision))
        return Path(hub.snapshot_download(name, allow_patterns=list(_PATTERNS), revision=revision))
    except Exception as error:  # of requests, of the hub's own kinds, and of the disk
        raise WeightsError(_unavailable(repo, file, error)) from None


def _unavailable(repo: str, file: str | None, error: Any) -> str:
    item = repo if file is None else f"{file} of {repo}"
    reasons = {
        "GatedRepoError": "the hub gives it only to those who accepted its terms; accept them and log in",
        "RepositoryNotFoundError": "there is neither a folder nor a repository of this name",
        "RevisionNotFoundError": "the repository has no such revision",
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
