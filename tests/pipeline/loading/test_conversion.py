"""Converted weights load like the published ones, in fewer bytes."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scalingar.core.errors import ConfigError, OutputError, WeightsError
from scalingar.core.files import sha256
from scalingar.models.llamagen.released import load_llamagen, load_vq
from scalingar.models.options import Choice
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.pipeline.loading.conversion import convert
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny.package import save_tiny_package
from tests.upstream import released_files
from tests.upstream.released_files import C2I, T2I, VQ, read_captions

RUN = {"num_trajectories": 2, "seed": 3}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_a_text_model_becomes_a_folder_that_draws_the_same(tmp_path: Path) -> None:
    transformer, tokenizer = released_files.save_t2i(tmp_path)
    folder = tmp_path / "model"
    hashes = convert(Choice(name=transformer, options={"tokenizer": tokenizer, "grid": (8, 8)}), folder)
    assert sorted(path.name for path in hashes) == ["tokenizer.safetensors", "transformer.safetensors"]
    assert all(digest == sha256(path) for path, digest in hashes.items())
    before = ImagePipeline.from_pretrained(tmp_path, grid=(8, 8), text_encoder=read_captions)
    after = ImagePipeline.from_pretrained(folder, text_encoder=read_captions)
    assert (after.name, after.guidance_scale, after.sampling) == ("t2i_XL_stage1_256", 7.5, before.sampling)
    assert before("a cat", **RUN).images[0].tobytes() == after("a cat", **RUN).images[0].tobytes()  # type: ignore[arg-type]


def test_how_captions_are_read_goes_along(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    convert(
        Choice(name=released_files.save_ar_grpo(source), options={"text_encoder": "some/encoder"}), tmp_path / "model"
    )
    told = ImagePipeline.from_pretrained(tmp_path / "model").encode_prompts
    assert isinstance(told, T5Encoder)
    assert (told.path, told.padding, told.zero_pads, told.slots) == ("some/encoder", "right", False, 10)


def test_a_class_model_becomes_a_folder(tmp_path: Path) -> None:
    released_files.save_c2i(tmp_path)
    convert(Choice(name=tmp_path, options={"grid": (5, 5), "heads": 3}), tmp_path / "model")
    pipe = ImagePipeline.from_pretrained(tmp_path / "model")
    assert pipe.encode_prompts == LabelEncoder(8)
    assert pipe("3", **RUN).images[0].size == (10, 10)  # type: ignore[arg-type]


def test_dtype_is_the_transformers(tmp_path: Path) -> None:
    released_files.save_t2i(tmp_path)
    convert(Choice(name=tmp_path, dtype=torch.bfloat16, options={"grid": (8, 8)}), tmp_path / "model")
    stored = {name: load_file(tmp_path / "model" / f"{name}.safetensors") for name in ("transformer", "tokenizer")}
    assert {t.dtype for t in stored["transformer"].values()} == {torch.bfloat16}
    assert {t.dtype for t in stored["tokenizer"].values()} == {torch.float32}


def test_a_file_alone_keeps_its_official_names(tmp_path: Path) -> None:
    transformer, tokenizer = released_files.save_t2i(tmp_path)
    out = tmp_path / "t2i_XL_stage1_256.safetensors"
    (hashed,) = convert(Choice(name=transformer, dtype=torch.bfloat16), out).items()
    assert hashed == (out, sha256(out))
    assert sorted(load_file(out)) == sorted(T2I.weights)
    model = load_llamagen(out, grid=(8, 8))
    expected = T2I.weights["layers.1.attention.wqkv.weight"]
    torch.testing.assert_close(model.state_dict()["layers.1.attention.wqkv.weight"], expected, atol=0.01, rtol=0.01)
    convert(Choice(name=tokenizer), tmp_path / "vq.safetensors")
    assert torch.equal(load_vq(tmp_path / "vq.safetensors").encode(VQ["image"]), VQ["indices"])
    assert "quantize.codebook_used" not in load_file(tmp_path / "vq.safetensors")


def test_the_averaged_tokenizer_is_taken(tmp_path: Path) -> None:
    worse = {name: tensor + 1 for name, tensor in VQ.weights.items()}
    torch.save({"model": worse, "ema": VQ.weights}, tmp_path / "vq.pt")
    convert(Choice(name=tmp_path / "vq.pt"), tmp_path / "vq.safetensors")
    assert torch.equal(load_vq(tmp_path / "vq.safetensors").encode(VQ["image"]), VQ["indices"])


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    torch.save({"model": C2I.weights}, tmp_path / "c2i_B_256.pt")
    with pytest.raises(WeightsError, match="holds a transformer only; give its tokenizer"):
        convert(Choice(name=tmp_path / "c2i_B_256.pt"), tmp_path / "folder")
    both = tmp_path / "both"
    both.mkdir()
    with pytest.raises(WeightsError, match="holds both a transformer and a tokenizer; name a folder"):
        convert(Choice(name=released_files.save_ar_grpo(both)), tmp_path / "x.safetensors")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other.pt holds no model of a known family"):
        convert(Choice(name=tmp_path / "other.pt"), tmp_path / "x.safetensors")
    with pytest.raises(OutputError, match="cannot write to the folder"):
        convert(Choice(name=tmp_path / "c2i_B_256.pt"), tmp_path / "other.pt" / "x.safetensors")


def test_a_package_can_be_converted_again(tmp_path: Path) -> None:
    """To another dtype, for example; its way of reading prompts stays."""
    package = save_tiny_package(tmp_path / "a")
    convert(Choice(name=package, dtype=torch.bfloat16), tmp_path / "b")
    told = json.loads((tmp_path / "b" / "pipeline.json").read_text())
    assert (told["text"], told["guidance_scale"]) == ("grammar", 2.0)
    with pytest.raises(ConfigError, match=r"grid is .* has no use for it"):
        convert(Choice(name=package, options={"grid": (4, 4)}), tmp_path / "c")


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    package = save_tiny_package(tmp_path / "package")
    before = {path: sha256(path) for path in package.iterdir()}
    for destination in (package, package / "transformer.safetensors"):
        with pytest.raises(OutputError, match=r"is not empty; give a new one|is there already; give another name"):
            convert(Choice(name=package, dtype=torch.bfloat16), destination)
    assert {path: sha256(path) for path in package.iterdir()} == before


def test_a_model_that_cannot_be_written_whole_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OutputError(f"cannot write {path}")

    package = save_tiny_package(tmp_path / "package")
    monkeypatch.setattr("scalingar.models.model_folder.write_file", full)
    with pytest.raises(OutputError, match="cannot write"):
        convert(Choice(name=package), tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []
