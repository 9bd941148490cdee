"""Hub names, and fetching files from the hub, of one commit of a repository for everything that a recipe reads."""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import pairwise
from os.path import exists
from pathlib import Path
from time import monotonic
from typing import Any

from scalingar.core.errors import WeightsError
from scalingar.core.files import expanded
from scalingar.core.packages import require

_NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w.-]+)(?::(?P<variant>[\w.-]+))?(?:@(?P<revision>[\w.-]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATTERNS = ("*.json", "*.safetensors", "*.pt", "*.pth", "*.bin", "*.model", "*.txt", "*.jinja")
"""Files that are fetched of a whole repository."""
_PATIENCE = 5.0
"""Seconds until the hub has to answer."""
_SILENCE = 60.0
"""Seconds for which a hub that did not answer is not asked again."""
_COMMITS: ContextVar[MutableMapping[str, str] | None] = ContextVar("commits", default=None)


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


@contextmanager
def at_commits(commits: MutableMapping[str, str] | None) -> Iterator[None]:
    """Fetch repositories at these commits unless a name says its own; those of other repositories are added to them.

    What is read later keeps ``read_commits()`` and opens it again.
    """
    token = _COMMITS.set(commits)
    try:
        yield
    finally:
        _COMMITS.reset(token)


def read_commits() -> MutableMapping[str, str] | None:
    """Commits by repository, of the innermost :func:`at_commits`; None outside."""
    return _COMMITS.get()


def located(path: str | Path) -> tuple[str, dict[str, Any]]:
    """What transformers is asked for: a folder with its ``~`` replaced, or a name on the hub with its revision.

    Without a network it looks in the cache alone.
    """
    if str(path).startswith("~"):
        return str(expanded(path)), {}
    if exists(path) or split_name(str(path)) is None:
        return str(path), {}
    name, revision = split_revision(str(path))
    if revision is None:
        revision = _commit(name)
    return name, {**({} if revision is None else {"revision": revision}), **_offline()}


def _offline() -> dict[str, bool]:
    return {} if answers() else {"local_files_only": True}


def _commit(name: str) -> str | None:
    """The commit at which a repository is read; None if nobody keeps it, or it holds no config.json that tells it."""
    commits = read_commits()
    if commits is None:
        return None
    if name not in commits:
        with suppress(WeightsError):  # transformers says better what is wrong
            fetch(name, "config.json")
    return commits.get(name)


def _record(name: str, path: Path) -> Path:
    commits, commit = read_commits(), commit_of(path)
    if commits is not None and commit is not None:
        commits.setdefault(name, commit)
    return path


def fetch(repo: str, file: str | None = None) -> Path:
    """The local path of a file or folder (ending in a slash) of a repository, or of all its weights.

    ``repo``: ``owner/name``, or ``owner/name@revision``; without one the commit of :func:`at_commits`, or else the
    newest of its main branch.

    Raises:
        PackageError: huggingface_hub is not installed.
        WeightsError: the hub cannot be reached, or it has no such file.
    """
    require(f"fetching {repo} (or download the files and give their folder)", "hub")
    import huggingface_hub as hub  # noqa: PLC0415

    name, named = split_revision(repo)
    revision = named or (read_commits() or {}).get(name)
    where: dict[str, Any] = {"revision": revision, **_offline()}
    try:
        if file is not None and file.endswith("/"):
            path = Path(hub.snapshot_download(name, allow_patterns=[f"{file}*"], **where)) / file
        elif file is not None:
            path = Path(hub.hf_hub_download(name, file, **where))
        else:
            path = Path(hub.snapshot_download(name, allow_patterns=list(_PATTERNS), **where))
    except Exception as error:  # of requests, of the hub's own kinds, and of the disk
        raise WeightsError(_unavailable(repo, file, error)) from None
    return path if named else _record(name, path)


class Reach:
    """Whether the hub answers within a few seconds: its own client tries again and again for minutes.

    That it did holds until the process ends. That it did not holds for a minute, so that a process which runs for days
    is not offline for ever because of one moment.
    """

    def __init__(self) -> None:
        self._answered = False
        self._silent_until = 0.0

    def __call__(self) -> bool:
        """Asks it unless that is known."""
        from huggingface_hub import constants, get_session  # noqa: PLC0415  the package alone does not import the first

        if _kept_offline():
            return False
        if not self._answered and monotonic() >= self._silent_until:
            try:
                get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
                self._answered = True
            except Exception:  # of whichever library makes its requests
                self._silent_until = monotonic() + _SILENCE
        return self._answered


answers = Reach()
"""Of this process."""


def _kept_offline() -> bool:
    """Whether the user forbids huggingface_hub to ask."""
    from huggingface_hub import constants  # noqa: PLC0415

    return bool(constants.HF_HUB_OFFLINE)


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
        away, remedy = "the hub cannot be reached", "connect"
        if _kept_offline():
            away, remedy = "HF_HUB_OFFLINE forbids to ask the hub", "unset it"
        reason = f"{away} and it is not in the local cache"
        if isinstance(error, OSError) and error.strerror:
            reason = error.strerror
        reason += f"; {remedy}, or download the files elsewhere and give their folder"
    return f"cannot fetch {item}: {reason}."
