"""Names on the hub; the hub itself is played by a few lines."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scalingar.core.errors import PackageError, WeightsError
from scalingar.models.weights import hub
from scalingar.models.weights.hub import at_commits, commit_of, fetch, located, split_name, split_revision


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a/b", ("a/b", None)),
        ("Foo-1/b.c_d:t2i-xl-512", ("Foo-1/b.c_d", "t2i-xl-512")),
        ("/a/b", None),
        ("a", None),
        ("a/b/c", None),
        ("./a", None),
        ("../a", None),
        ("~/a", None),
        ("a/b:", None),
        ("a b/c", None),
    ],
)
def test_names(name: str, parts: tuple[str, str | None] | None) -> None:
    assert split_name(name) == parts


# --- fetching ----------------------------------------------------------------------------------


ONLINE = SimpleNamespace(HF_HUB_OFFLINE=False, ENDPOINT="https://hub")


def play(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[Any, ...]]:
    """A hub that gives, or raises, ``answer``; returns what it is asked."""
    asked: list[tuple[Any, ...]] = []

    def respond(*args: Any, **options: Any) -> Any:
        asked.append((*args, options))
        if isinstance(answer, Exception):
            raise answer
        return answer

    fake = SimpleNamespace(hf_hub_download=respond, snapshot_download=respond, constants=ONLINE)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return asked


def test_files_and_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch, "/cache/x.pt")
    assert fetch("a/b", "x.pt") == Path("/cache/x.pt")
    assert fetch("a/b") == Path("/cache/x.pt")
    assert fetch("a/b", "c/") == Path("/cache/x.pt/c")
    assert [(*args, options["revision"]) for *args, options in asked] == [("a/b", "x.pt", None), *[("a/b", None)] * 2]
    assert asked[2][-1]["allow_patterns"] == ["c/*"]


def test_a_revision_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch, "/cache/x.pt")
    fetch("a/b@v1.0", "x.pt")
    fetch("a/b@v1.0")
    assert [(question[0], question[-1]["revision"]) for question in asked] == [("a/b", "v1.0")] * 2


COMMIT, OTHER = "3" * 40, "4" * 40


def test_one_commit_of_a_repository_for_all_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch, f"/cache/snapshots/{COMMIT}/x.pt")
    commits = {"c/d": OTHER}
    with at_commits(commits):
        for repo in ("a/b", "a/b", "c/d", "e/f@v1"):
            fetch(repo, "x.pt")
        assert located("a/b") == ("a/b", {"revision": COMMIT})
        assert located("g/h") == ("g/h", {"revision": COMMIT})
        assert located("e/f@v1") == ("e/f", {"revision": "v1"})
    assert [question[-1]["revision"] for question in asked] == [None, COMMIT, OTHER, "v1", None]
    assert asked[-1][:2] == ("g/h", "config.json")
    assert commits == {"a/b": COMMIT, "c/d": OTHER, "g/h": COMMIT}


def test_outside_nobody_asks_for_commits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = play(monkeypatch, "/cache/x.pt")
    assert located("a/b") == ("a/b", {})
    assert located(tmp_path) == (str(tmp_path), {})
    assert not asked


def test_a_repository_that_cannot_be_asked_is_left_to_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, OSError("offline"))
    commits: dict[str, str] = {}
    with at_commits(commits):
        assert located("a/b") == ("a/b", {})
    assert commits == {}


def test_revisions_stand_after_an_at() -> None:
    assert split_name("a/b:c@v1") == ("a/b", "c")
    assert split_revision("a/b:c@v1") == ("a/b:c", "v1")
    assert split_revision("a/b") == ("a/b", None)
    assert split_revision("/home/me@work/b") == ("/home/me@work/b", None)


def test_the_cache_says_which_commit_it_holds() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert commit_of(Path(f"/c/models--a--b/snapshots/{commit}/x.pt")) == commit
    assert commit_of(Path("/c/snapshots/monday/x.pt")) is None


class RepositoryNotFoundError(Exception):
    """Named like the hub's."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("refused"), "the hub cannot be reached and it is not in the local cache; connect, or"),
        (OSError(28, "No space left on device"), "No space left on device; connect"),
        (RepositoryNotFoundError("404"), "there is neither a folder nor a repository of this name"),
    ],
)
def test_failures_are_one_sentence(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, error)
    with pytest.raises(WeightsError, match=f"cannot fetch x.pt of a/b: {said}"):
        fetch("a/b", "x.pt")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(PackageError, match=r"fetching a/b .* needs huggingface_hub, .*pip install 'huggingface"):
        fetch("a/b")


def test_the_libraries_own_errors_are_known() -> None:
    """Their names stand in the messages' table."""
    from huggingface_hub import errors

    for name in ("GatedRepoError", "RepositoryNotFoundError", "EntryNotFoundError", "RemoteEntryNotFoundError"):
        assert issubclass(getattr(errors, name), Exception)


def test_without_a_network_the_cache_alone_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def download(*names: str, **where: Any) -> str:
        asked.append(where)
        raise OSError

    fake = SimpleNamespace(hf_hub_download=download, snapshot_download=download, constants=ONLINE)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    monkeypatch.setattr("scalingar.models.weights.hub.answers", lambda: False)
    with pytest.raises(WeightsError, match="the hub cannot be reached and it is not in the local cache"):
        fetch("a/b", "x.pt")
    assert asked == [{"revision": None, "local_files_only": True}]
    assert located("a/b") == ("a/b", {"local_files_only": True})


@pytest.mark.parametrize("reached", [True, False])
def test_a_hub_that_did_not_answer_is_asked_again_after_a_minute(
    reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    now = [1000.0]
    monkeypatch.setattr(hub, "monotonic", lambda: now[0])

    def head(address: str, *, timeout: float) -> None:
        asked.append(timeout)
        if not reached:
            raise ConnectionError

    fake = SimpleNamespace(constants=ONLINE, get_session=lambda: SimpleNamespace(head=head))
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    asking = hub.Reach()
    assert (asking(), asking()) == (reached, reached)
    assert len(asked) == 1
    assert asked[0] < 10
    now[0] += 61
    reached, before = True, reached
    assert asking()
    assert len(asked) == (1 if before else 2)


def test_a_name_that_is_in_no_cache_is_told_by_the_real_library(tmp_path: Path) -> None:
    """In a process of its own, where nothing else has imported what the library brings only when it is asked."""
    command = [sys.executable, "-m", "scalingar", "generate", "a dog", "--model", "a/b", "-o", str(tmp_path / "o")]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(command, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "error: cannot fetch a/b: HF_HUB_OFFLINE forbids to ask the hub and it is not in the local cache; unset it, or"
    )
