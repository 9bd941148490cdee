"""Families and files: of a folder, of a name on the hub."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.llamagen.family import FAMILY as LLAMAGEN
from scalingar.models.options import Choice
from scalingar.pipeline.loading.locating import locate, parts_in
from tests.upstream import released_files


def found(path: Path) -> tuple[Path, Path | None]:
    family, source = locate(Choice(name=path))
    assert family is LLAMAGEN
    return source.transformer, source.tokenizer


def test_both_in_one_folder_as_two_files(tmp_path: Path) -> None:
    files = released_files.save_t2i(tmp_path)
    torch.save({"step": torch.tensor(3)}, tmp_path / "optimizer.pt")
    assert found(tmp_path) == files
    assert found(files[0]) == (files[0], None)


def test_both_in_one_file(tmp_path: Path) -> None:
    folder = released_files.save_ar_grpo(tmp_path)
    file = folder / "model.safetensors"
    assert parts_in(file) == {"transformer": LLAMAGEN, "tokenizer": LLAMAGEN}
    assert found(folder) == found(file) == (file, file)


def test_the_same_model_in_two_formats_counts_once(tmp_path: Path) -> None:
    released_files.save_ar_grpo(tmp_path)
    torch.save(released_files.T2I.weights, tmp_path / "pytorch_model.bin")
    assert found(tmp_path)[0].name == "model.safetensors"


def test_a_file_that_cannot_be_read_matters_only_if_something_is_missing(tmp_path: Path) -> None:
    files = released_files.save_t2i(tmp_path)
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    assert found(tmp_path) == files
    files[1].unlink()
    with pytest.raises(WeightsError, match=r"broken.pt is cut short"):
        found(tmp_path)


def test_several_of_a_kind(tmp_path: Path) -> None:
    files = released_files.save_t2i(tmp_path)
    save_file(released_files.VQ.weights, tmp_path / "another.safetensors")
    with pytest.raises(WeightsError, match=r"several tokenizers \('another.safetensors', 'vq_ds16_t2i.pt'\)"):
        found(tmp_path)
    assert found(files[0]) == (files[0], None)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no weights"):
        found(tmp_path)
    with pytest.raises(WeightsError, match="it is neither 'embedded' nor a file or folder that exists"):
        found(tmp_path / "none")


def test_wrong_variants() -> None:
    with pytest.raises(ConfigError, match=r"holds several models; give variant, one of c2i-b-256, "):
        locate(Choice(name="FoundationVision/LlamaGen"))
    with pytest.raises(ConfigError, match=r"has no variant 't2i-xl-521'; did you mean 't2i-xl-512'"):
        locate(Choice(name="FoundationVision/LlamaGen:t2i-xl-521"))


def test_one_variant_needs_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalingar.pipeline.loading.locating.fetch", lambda repo, file=None: tmp_path / repo)
    family, source = locate(Choice(name="CSshihao/AR-GRPO_C2I_L_384"))
    assert (family, source.transformer) == (LLAMAGEN, tmp_path / "CSshihao/AR-GRPO_C2I_L_384")
    assert source.release is not None
    assert source.release.grid == (24, 24)


def test_a_variant_of_a_repository_in_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released_files.save_t2i(tmp_path)
    monkeypatch.setattr("scalingar.pipeline.loading.locating.fetch", lambda repo, file=None: tmp_path)
    assert locate(Choice(name="somebody/copy:t2i-xl-256"))[1].transformer == tmp_path / "t2i_XL_stage1_256.pt"
    with pytest.raises(ConfigError, match="has no variant 'd16'"):
        locate(Choice(name="somebody/copy:d16"))


def test_weights_of_no_family_are_nobodys(tmp_path: Path) -> None:
    """A text model's embedding alone makes no LlamaGen."""
    torch.save({"model.embed_tokens.weight": torch.zeros(4, 4)}, tmp_path / "pytorch_model.bin")
    assert parts_in(tmp_path / "pytorch_model.bin") == {}
    with pytest.raises(
        WeightsError,
        match=r"no transformer of a known family \(emu3, glm-image, infinity, janus, llamagen, simplear, var",
    ):
        locate(Choice(name=tmp_path))


def test_folders_of_the_authors_own_format_point_to_converted_ones(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "multi_modality"}')
    for name in (str(tmp_path), "deepseek-ai/Janus-Pro-7B"):
        with pytest.raises(WeightsError, match=r"authors' own format.*take deepseek-community/Janus-Pro-"):
            locate(Choice(name=name, device="cpu", dtype=torch.float32, options={}))
