"""Names, variants and files of published weights; the hub itself is played by a few lines."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.hub import RELEASES, fetch, release, split_name


def test_table_is_consistent() -> None:
    for repo, variants in RELEASES.items():
        for name, entry in variants.items():
            if entry.model_family != "llamagen":
                continue
            pixels = int(name.rsplit("-", 1)[1])
            assert entry.grid == (pixels // 16, pixels // 16)
            assert entry.family.endswith(name.split("-")[0])
            assert (entry.file is None) == repo.startswith(("jadohu/", "CSshihao/"))
            if entry.file is not None:
                assert f"_{pixels}.pt" in entry.file
            assert entry.tokenizer_file in (None, f"vq_ds16_{name[:3]}.pt")


def test_next_scale_models_name_their_tokenizers() -> None:
    files = {name: (entry.file, entry.tokenizer_file) for name, entry in RELEASES["FoundationVision/Infinity"].items()}
    assert files["2b-1024"] == ("infinity_2b_reg.pth", "infinity_vae_d32reg.pth")
    assert files["8b-512"] == ("infinity_8b_512x512_weights/", "infinity_vae_d56_f8_14_patchify.pth")
    for name, entry in RELEASES["FoundationVision/Infinity"].items():
        assert entry.image_size == int(name.rsplit("-", 1)[1])
    assert {entry.tokenizer_file for entry in RELEASES["FoundationVision/var"].values()} == {"vae_ch160v4096z32.pth"}


def test_variants_of_the_official_repository() -> None:
    assert sorted(RELEASES["FoundationVision/LlamaGen"]) == [
        "c2i-3b-384",
        "c2i-b-256",
        "c2i-b-384",
        "c2i-l-256",
        "c2i-l-384",
        "c2i-xl-384",
        "c2i-xxl-384",
        "t2i-xl-256",
        "t2i-xl-512",
    ]
    large = release("FoundationVision/LlamaGen", "t2i-xl-512")
    assert large is not None
    assert (large.repo, large.file, large.grid) == ("peizesun/llamagen_t2i", "t2i_XL_stage2_512.pt", (32, 32))
    size = release("FoundationVision/LlamaGen", "c2i-3b-384")
    assert size is not None
    assert (size.repo, size.file) == ("FoundationVision/LlamaGen", "c2i_3B_384.pt")


def test_one_variant_needs_no_name() -> None:
    entry = release("CSshihao/AR-GRPO_C2I_L_384", None)
    assert entry is not None
    assert (entry.family, entry.grid) == ("ar-grpo-c2i", (24, 24))


def test_wrong_variants() -> None:
    with pytest.raises(ConfigError, match=r"holds several models; give variant, one of c2i-b-256, "):
        release("FoundationVision/LlamaGen", None)
    with pytest.raises(ConfigError, match=r"has no variant 't2i-xl-521'; did you mean 't2i-xl-512'"):
        release("FoundationVision/LlamaGen", "t2i-xl-521")
    assert release("somebody/else", "x") is None


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


def play(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[Any, ...]]:
    """A hub that gives, or raises, ``answer``; returns what it is asked."""
    asked: list[tuple[Any, ...]] = []

    def respond(*args: Any, **options: Any) -> Any:
        asked.append((*args, *options))
        if isinstance(answer, Exception):
            raise answer
        return answer

    fake = SimpleNamespace(hf_hub_download=respond, snapshot_download=respond)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return asked


def test_files_and_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play(monkeypatch, "/cache/x.pt")
    assert fetch("a/b", "x.pt") == Path("/cache/x.pt")
    assert fetch("a/b") == Path("/cache/x.pt")
    assert fetch("a/b", "c/") == Path("/cache/x.pt/c")
    assert asked == [("a/b", "x.pt"), ("a/b", "allow_patterns"), ("a/b", "allow_patterns")]


class RepositoryNotFoundError(Exception):
    """Named like the hub's."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("refused"), "the hub cannot be reached and nothing of it is in the local cache; connect, or"),
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
    with pytest.raises(WeightsError, match=r"fetching a/b needs huggingface_hub; install scalingar\[hub\]"):
        fetch("a/b")


def test_the_libraries_own_errors_are_known() -> None:
    """Their names stand in the messages' table."""
    from huggingface_hub import errors

    for name in ("GatedRepoError", "RepositoryNotFoundError", "EntryNotFoundError", "RemoteEntryNotFoundError"):
        assert issubclass(getattr(errors, name), Exception)
