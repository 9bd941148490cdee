"""Weights written as safetensors."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open

from scalingar.core.errors import OutputError
from scalingar.models.weights import weight_file
from scalingar.models.weights.weight_file import save_weights

METADATA = {"kind": "Tiny", "config": '{"name": "ünï\\n\\u0001"}', "source": "a\tb", "format": "pt", "licence": ""}


def test_content_comes_back(tmp_path: Path) -> None:
    weights = {"b": torch.arange(6.0).view(2, 3).T, "a": torch.ones(2, dtype=torch.bfloat16)}
    save_weights(tmp_path / "x.safetensors", weights, METADATA)
    with safe_open(tmp_path / "x.safetensors", framework="pt") as file:
        assert file.metadata() == METADATA
        assert torch.equal(file.get_tensor("b"), weights["b"])
        assert torch.equal(file.get_tensor("a"), weights["a"])
    assert list(tmp_path.iterdir()) == [tmp_path / "x.safetensors"]


def test_same_content_same_bytes_in_every_process(tmp_path: Path) -> None:
    """The order that the library gives the metadata differs between processes, and between calls."""
    script = (
        "import sys, torch; from pathlib import Path; from scalingar.models.weights.weight_file import save_weights\n"
        f"save_weights(Path(sys.argv[1]), {{'a': torch.ones(3)}}, {METADATA!r})"
    )
    files = [tmp_path / f"{number}.safetensors" for number in range(6)]
    subprocess.run([sys.executable, "-c", script, files[0]], check=True)
    for file in files[1:]:
        save_weights(file, {"a": torch.ones(3)}, METADATA)
    assert len({hashlib.sha256(file.read_bytes()).hexdigest() for file in files}) == 1


@pytest.mark.parametrize(
    ("library_error", "complaint"),
    [(OSError(28, "No space left on device"), "No space left"), (SafetensorError("I/O error: disk full"), "disk full")],
)
def test_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library_error: Exception, complaint: str
) -> None:
    """The file that was there stays, and nothing is left beside it."""

    def fail(weights: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]) -> None:
        path.write_bytes(b"torn")
        raise library_error

    save_weights(tmp_path / "x.safetensors", {"a": torch.ones(1)}, METADATA)
    before = (tmp_path / "x.safetensors").read_bytes()
    monkeypatch.setattr(weight_file, "save_file", fail)
    with pytest.raises(OutputError, match=rf"cannot write .*x\.safetensors: .*{complaint}.*; choose another path"):
        save_weights(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, METADATA)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [before]


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*x\.safetensors: .*choose another path"):
        save_weights(tmp_path / "file" / "x.safetensors", {"a": torch.ones(1)}, METADATA)
