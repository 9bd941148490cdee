"""Tensors of TorchScript archives, without their code."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from scalingar.core.errors import WeightsError
from scalingar.models.weights.checkpoint import read_weights
from tests.tiny.simplear import save_archive

WEIGHTS = {
    "a.b.weight": torch.arange(6.0).reshape(2, 3).T,  # not contiguous
    "a.small": torch.tensor([1.5, 2.5], dtype=torch.bfloat16),
    "numbers": torch.tensor([3, 4]),
    "empty": torch.empty(0),
}


def test_names_and_values_are_those_that_were_saved(tmp_path: Path) -> None:
    read = read_weights(save_archive(tmp_path / "decoder.jit", WEIGHTS))
    assert set(read) == set(WEIGHTS)
    for name, tensor in WEIGHTS.items():
        assert torch.equal(read[name], tensor)
        assert read[name].dtype == tensor.dtype


def rewritten(path: Path, name: str, content: bytes) -> Path:
    """The archive with one of its files replaced."""
    with zipfile.ZipFile(path) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, kept in files.items():
            archive.writestr(entry, content if entry.endswith(name) else kept)
    return path


def test_anything_but_tensors_is_not_opened(tmp_path: Path) -> None:
    path = save_archive(tmp_path / "decoder.jit", WEIGHTS)
    with pytest.raises(WeightsError, match=r"decoder\.jit holds builtins\.print, not only modules and tensors"):
        read_weights(rewritten(path, "/data.pkl", pickle.dumps(print)))


def test_damaged_archives(tmp_path: Path) -> None:
    path = save_archive(tmp_path / "decoder.jit", WEIGHTS)
    with pytest.raises(WeightsError, match="is cut short or no TorchScript archive"):
        read_weights(rewritten(path, "/data/0", b"1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="is cut short"):
        read_weights(path)
