"""Finding transformer and tokenizer among the files of a folder."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scalingar.core.errors import WeightsError
from scalingar.models.weights.parts import Parts, find_parts, kinds
from tests.upstream import released_files


def test_both_in_one_folder_as_two_files(tmp_path: Path) -> None:
    files = released_files.save_t2i(tmp_path)
    torch.save({"step": torch.tensor(3)}, tmp_path / "optimizer.pt")
    assert find_parts(tmp_path) == Parts(*files)
    assert find_parts(files[0]) == Parts(files[0], None)


def test_both_in_one_file(tmp_path: Path) -> None:
    folder = released_files.save_ar_grpo(tmp_path)
    file = folder / "model.safetensors"
    assert kinds(file) == {"transformer": "llamagen", "tokenizer": "llamagen"}
    assert find_parts(folder) == find_parts(file) == Parts(file, file)


def test_the_same_model_in_two_formats_counts_once(tmp_path: Path) -> None:
    released_files.save_ar_grpo(tmp_path)
    torch.save(released_files.T2I.weights, tmp_path / "pytorch_model.bin")
    assert find_parts(tmp_path).transformer.name == "model.safetensors"


def test_a_file_that_cannot_be_read_matters_only_if_something_is_missing(tmp_path: Path) -> None:
    files = released_files.save_t2i(tmp_path)
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    assert find_parts(tmp_path) == Parts(*files)
    files[1].unlink()
    with pytest.raises(WeightsError, match=r"broken.pt is cut short"):
        find_parts(tmp_path)


def test_several_of_a_kind(tmp_path: Path) -> None:
    files = released_files.save_t2i(tmp_path)
    save_file(released_files.VQ.weights, tmp_path / "another.safetensors")
    with pytest.raises(WeightsError, match=r"several tokenizers \('another.safetensors', 'vq_ds16_t2i.pt'\)"):
        find_parts(tmp_path)
    assert find_parts(files[0]).tokenizer is None


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no weights"):
        find_parts(tmp_path)
    with pytest.raises(WeightsError, match="there is no such file or folder"):
        find_parts(tmp_path / "none")
