"""``from_pretrained`` with VAR and Infinity: a folder, two files, a training checkpoint, a name on the hub."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.files import sha256
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.model_folder import PackageInfo
from scalingar.models.options import Choice
from scalingar.models.prompts.encoders import GrammarEncoder, LabelEncoder
from scalingar.models.prompts.infinity_prompts import InfinityPrompts
from scalingar.models.var.family import FAMILY as VAR_FAMILY
from scalingar.pipeline.loading import family_of
from scalingar.pipeline.loading.conversion import convert
from scalingar.pipeline.loading.locating import parts_in
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import scale_pipes
from tests.tiny import var as tiny_var
from tests.tiny.package import save_tiny_package
from tests.tiny.scale_pipes import SIDES, read_texts
from tests.tiny.t5 import save_tiny_t5
from tests.upstream import released_files

CODES: dict[str, Any] = {"strategy": "single", "seed": 3, "output_type": "codes"}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def family_name(model: str) -> str | None:
    family = family_of(model)
    return None if family is None else family.name


# --- VAR ---------------------------------------------------------------------------------------


def test_var_as_a_folder_two_files_or_a_training_checkpoint(tmp_path: Path) -> None:
    transformer, tokenizer = scale_pipes.save_var(tmp_path)
    (tmp_path / "training").mkdir()
    training = scale_pipes.save_var_training(tmp_path / "training")
    pipe = ImagePipeline.from_pretrained(tmp_path)
    assert (pipe.decoding, pipe.encode_prompts) == ("next-scale", LabelEncoder(5))
    assert (pipe.guidance_scale, pipe.sampling) == (5.0, SamplingConfig(top_k=900, top_p=0.95))
    assert sorted(pipe.hashes) == ["vae_ch160v4096z32.pth", "var_d16.pth"]
    codes = pipe("3", **CODES).images[0]
    for other in (
        ImagePipeline.from_pretrained(transformer, tokenizer=tokenizer),
        ImagePipeline.from_pretrained(training),
        ImagePipeline.from_pretrained(tmp_path, variant="d16"),
    ):
        assert torch.equal(other("3", **CODES).images[0], codes)
    assert parts_in(training) == {"transformer": VAR_FAMILY, "tokenizer": VAR_FAMILY}


def test_var_has_no_use_for_some_options(tmp_path: Path) -> None:
    scale_pipes.save_var(tmp_path)
    options = {
        "text_encoder": "x",
        "grid": (1, 1),
        "image_size": 256,
        "aspect_ratio": 2.0,
        "collapse_prefix": True,
        "compile": True,
        "negative_prompt": "blur",
    }
    for name, value in options.items():
        with pytest.raises(ConfigError, match=f"{name} is .*has no use for it, its options are variant, tokenizer, h"):
            ImagePipeline.from_pretrained(tmp_path, **{name: value})  # type: ignore[arg-type]


# --- Infinity ----------------------------------------------------------------------------------


def test_infinity_reads_texts_and_draws_the_size_of_its_name(tmp_path: Path) -> None:
    transformer, vae = scale_pipes.save_infinity(tmp_path)
    pipe = ImagePipeline.from_pretrained(tmp_path, text_encoder=read_texts)
    assert (pipe.guidance_scale, pipe.sampling) == (3.0, SamplingConfig(temperature=0.5, top_p=0.97))
    assert pipe.grids[-1] == (16, 16)
    assert sorted(pipe.hashes) == sorted([transformer.name, vae.name])
    wide = ImagePipeline.from_pretrained(transformer, tokenizer=vae, text_encoder=read_texts, aspect_ratio=16 / 9)
    assert wide.grids[-1] == (12, 21)
    assert wide("a red cat", strategy="single").images[0].size == (336, 192)


def test_infinitys_texts_go_through_t5(tmp_path: Path) -> None:
    scale_pipes.save_infinity(tmp_path)
    encoder = save_tiny_t5(tmp_path / "t5", width=24)
    pipe = ImagePipeline.from_pretrained(tmp_path, text_encoder=encoder)
    told = pipe.encode_prompts
    assert isinstance(told, InfinityPrompts)
    assert (told.encoder.slots, told.encoder.width, told.encoder.clean) == (8, 24, False)
    features, mask = told(["a red cat", "dog"])
    assert features.shape == (2, 4, 24)
    assert mask is not None
    assert mask.sum(1).tolist() == [4, 2]
    assert pipe.model.condition(features, mask).conditional.mask.shape == (2, 4)


def test_a_negative_prompt_is_what_the_other_branch_reads(tmp_path: Path) -> None:
    scale_pipes.save_infinity(tmp_path)
    pipe = ImagePipeline.from_pretrained(tmp_path, text_encoder=read_texts, negative_prompt="a blurred cat")
    condition = pipe.model.condition(*read_texts(["a red cat", "dog"]))
    (features, mask) = read_texts(["a blurred cat"])
    assert torch.equal(condition.unconditional.features[0], features[0, mask[0]])
    assert len(condition.unconditional.mask) == 2
    plain = ImagePipeline.from_pretrained(tmp_path, text_encoder=read_texts)
    drawn = [one("a red cat", **CODES).images[0] for one in (pipe, plain)]
    assert not torch.equal(*drawn)


def test_a_folder_of_shards(tmp_path: Path) -> None:
    _, vae = scale_pipes.save_infinity(tmp_path)
    weights, folder = scale_pipes.infinity_weights(), tmp_path / "infinity_8b_256x256_weights"
    folder.mkdir()
    names = sorted(weights)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for shard, own in shards.items():
        save_file({name: weights[name].contiguous() for name in own}, folder / shard)
    index = {"weight_map": {name: shard for shard, own in shards.items() for name in own}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    pipe = ImagePipeline.from_pretrained(folder, tokenizer=vae, text_encoder=read_texts)
    assert sorted(pipe.hashes) == [vae.name, *shards]
    with pytest.raises(WeightsError, match="holds a transformer only; give its tokenizer's file as tokenizer"):
        ImagePipeline.from_pretrained(folder, text_encoder=read_texts)


# --- this project's own -------------------------------------------------------------------------


def test_a_model_folder_reads_the_grammar_and_can_be_converted_again(tmp_path: Path) -> None:
    config = tiny_var.WORDS_CONFIG.model_copy(update={"condition_vocab": len(TERMINALS), "condition_tokens": 6})
    info = PackageInfo(name="tiny", family="var", guidance_scale=2.0)
    VAR_FAMILY.save(tmp_path / "a", info, tiny_var.tiny_var(config), tiny_var.tiny_tokenizer(), torch.float32)
    assert family_of(str(tmp_path / "a")) == VAR_FAMILY
    pipe = ImagePipeline.from_pretrained(tmp_path / "a")
    assert (pipe.name, pipe.decoding, pipe.encode_prompts) == ("tiny", "next-scale", GrammarEncoder(6))
    convert(Choice(name=tmp_path / "a"), tmp_path / "b")
    again = ImagePipeline.from_pretrained(tmp_path / "b")
    first, second = (one("a photo of a red dog", **CODES).images[0] for one in (pipe, again))
    assert torch.equal(first, second)
    with pytest.raises(ConfigError, match=r"text_encoder is .* has no use for it"):
        ImagePipeline.from_pretrained(tmp_path / "a", text_encoder="x")


def test_both_embedded_models_have_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [family_name(name) for name in ("embedded", "embedded-next-scale")] == ["llamagen", "var"]
    monkeypatch.setattr("scalingar.pipeline.loading.locating.embedded_folder", lambda kind: tmp_path / kind)
    with pytest.raises(WeightsError, match="the model 'embedded-next-scale' is missing from this installation"):
        ImagePipeline.from_pretrained("embedded-next-scale")


# --- what does not belong ----------------------------------------------------------------------


def test_wrong_pairs(tmp_path: Path) -> None:
    var, _ = scale_pipes.save_var(tmp_path)
    infinity, vae = scale_pipes.save_infinity(tmp_path, "infinity_2b_reg.pth", "infinity_vae_d32.pth")
    with pytest.raises(WeightsError, match=r"d32.pth fits .* in shape but gives bad pictures; use infinity_vae_d32reg"):
        ImagePipeline.from_pretrained(infinity, tokenizer=vae, text_encoder=read_texts, image_size=256)
    with pytest.raises(WeightsError, match="holds no VAR tokenizer"):
        ImagePipeline.from_pretrained(var, tokenizer=vae)
    with pytest.raises(WeightsError, match="holds no Infinity autoencoder"):
        ImagePipeline.from_pretrained(infinity, tokenizer=var, text_encoder=read_texts, image_size=256)
    with pytest.raises(WeightsError, match=r"holds several transformers \('infinity_2b_reg.pth', 'var_d16.pth'\)"):
        ImagePipeline.from_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="the schedule has 13 scales, the model knows 7"):
        ImagePipeline.from_pretrained(infinity, tokenizer=vae, text_encoder=read_texts)


# --- names on the hub --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "files", "size"),
    [
        ("FoundationVision/var:d16", ["var_d16.pth", "vae_ch160v4096z32.pth"], (8, 8)),
        ("FoundationVision/Infinity:125m-256", ["infinity_125M_256x256.pth", "infinity_vae_d16.pth"], (16, 16)),
    ],
)
def test_names_on_the_hub(
    name: str, files: list[str], size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale_pipes.save_var(tmp_path)
    scale_pipes.save_infinity(tmp_path)
    asked: list[str | None] = []

    def fetched(repo: str, file: str | None = None) -> Path:
        asked.append(file)
        return tmp_path / str(file)

    monkeypatch.setattr("scalingar.pipeline.loading.locating.fetch", fetched)
    more = {} if "var" in name else {"text_encoder": read_texts}
    assert ImagePipeline.from_pretrained(name, **more).grids[-1] == size  # type: ignore[arg-type]
    assert asked == files


def test_the_family_is_told_without_loading(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("var", "infinity", "llamagen", "package")}
    for folder in folders.values():
        folder.mkdir()
    scale_pipes.save_var(folders["var"])
    scale_pipes.save_infinity(folders["infinity"])
    released_files.save_t2i(folders["llamagen"])
    save_tiny_package(folders["package"])
    found = {name: family_name(str(folder)) for name, folder in folders.items()}
    assert found == {"var": "var", "infinity": "infinity", "llamagen": "llamagen", "package": "llamagen"}
    names = ["embedded", "FoundationVision/Infinity:2b-1024", "FoundationVision/var", "a/b", "/none"]
    assert [family_name(name) for name in names] == ["llamagen", "infinity", "var", None, None]


# --- conversion --------------------------------------------------------------------------------


def test_var_becomes_a_model_folder_that_draws_the_same(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "model"
    source.mkdir()
    scale_pipes.save_var(source)
    hashes = convert(Choice(name=source), folder)
    assert {path.name: digest for path, digest in hashes.items()} == {
        name: sha256(folder / name) for name in ("transformer.safetensors", "tokenizer.safetensors")
    }
    before, after = (ImagePipeline.from_pretrained(place) for place in (source, folder))
    assert (after.guidance_scale, after.sampling) == (before.guidance_scale, before.sampling)
    assert torch.equal(*(pipe("2", **CODES).images[0] for pipe in (before, after)))


def test_infinity_keeps_its_official_names_and_draws_the_same(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "model"
    source.mkdir()
    scale_pipes.save_infinity(source)
    names = [path.name for path in convert(Choice(name=source), folder)]
    assert names == ["infinity_125M_256x256.safetensors", "infinity_vae_d16.safetensors"]
    pipes = [ImagePipeline.from_pretrained(place, text_encoder=read_texts) for place in (source, folder)]
    assert torch.equal(*(pipe("a red cat", **CODES).images[0] for pipe in pipes))
    with pytest.raises(ConfigError, match=r"image_size is 256; the conversion of .* has no use for it"):
        convert(Choice(name=source, options={"image_size": 256}), tmp_path / "other")


def test_conversion_of_a_training_checkpoint_and_of_one_file(tmp_path: Path) -> None:
    training = scale_pipes.save_var_training(tmp_path)
    files = convert(Choice(name=training, dtype=torch.bfloat16), tmp_path / "model")
    assert [path.name for path in files] == ["transformer.safetensors", "tokenizer.safetensors"]
    transformer, tokenizer = (load_file(path) for path in files)
    assert transformer["head.weight"].dtype == torch.bfloat16
    assert tokenizer["quant_conv.weight"].dtype == torch.float32
    var, _ = scale_pipes.save_var(tmp_path)
    (file,) = convert(Choice(name=var, dtype=torch.bfloat16), tmp_path / "var.safetensors")
    levels = load_file(file)["lvl_1L"].flatten()
    assert levels.bincount().tolist() == [side * side for side in SIDES], "whole numbers stay"
    _, vae = scale_pipes.save_infinity(tmp_path)
    (file,) = convert(Choice(name=vae), tmp_path / "vae.safetensors")
    assert {part: family.name for part, family in parts_in(file).items()} == {"tokenizer": "infinity"}


def test_the_wrong_autoencoder_is_known_after_conversion(tmp_path: Path) -> None:
    files = scale_pipes.save_infinity(tmp_path, "infinity_2b_reg.pth", "infinity_vae_d32.pth")
    made = [tmp_path / f"{file.stem}.safetensors" for file in files]
    for file, out in zip(files, made, strict=True):
        convert(Choice(name=file), out)
    with pytest.raises(WeightsError, match="gives bad pictures"):
        ImagePipeline.from_pretrained(made[0], tokenizer=made[1], text_encoder=read_texts, image_size=256)
