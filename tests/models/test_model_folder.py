"""Model folders with a description, of VAR; those of LlamaGen are read all over the tests."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from scalingar.core.errors import WeightsError
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.llamagen.family import FAMILY as LLAMAGEN
from scalingar.models.model_folder import PIPELINE, TOKENIZER, TRANSFORMER, PackageInfo, read_info
from scalingar.models.options import Choice
from scalingar.models.var.family import FAMILY as VAR_FAMILY
from scalingar.models.var.multiscale_vq import MultiScaleVQ
from scalingar.models.var.transformer import VAR
from scalingar.pipeline.loading import load
from tests.tiny.package import save_tiny_package
from tests.tiny.var import CLASS_CONFIG, WORDS_CONFIG, tiny_tokenizer, tiny_var

CONFIG = WORDS_CONFIG.model_copy(update={"condition_vocab": len(TERMINALS)})
INFO = PackageInfo(name="tiny-scales", family="var", guidance_scale=2.0, reward="any")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    VAR_FAMILY.save(tmp_path, INFO, tiny_var(CONFIG), tiny_tokenizer(), torch.float32)
    return tmp_path


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    originals = tiny_var(CONFIG), tiny_tokenizer()
    VAR_FAMILY.save(tmp_path, INFO, *originals, torch.float32)
    found = load(Choice(name=tmp_path))
    assert read_info(tmp_path) == INFO
    assert (found.name, found.family, found.guidance_scale, found.reward) == ("tiny-scales", VAR_FAMILY, 2.0, "any")
    assert sorted(found.hashes) == [TOKENIZER, TRANSFORMER]
    for loaded, original in zip((found.model, found.tokenizer), originals, strict=True):
        assert loaded.config == original.config
        weights = original.state_dict()
        assert loaded.state_dict().keys() == weights.keys()
        assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.state_dict().items())
        assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_bf16_files_are_half_as_large_and_the_tokenizer_runs_in_fp32(folder: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    VAR_FAMILY.save(small, INFO, tiny_var(CONFIG), tiny_tokenizer(), torch.bfloat16)
    assert (small / TRANSFORMER).stat().st_size < 0.7 * (folder / TRANSFORMER).stat().st_size
    loaded = load(Choice(name=small, dtype=torch.bfloat16))
    assert (loaded.model.dtype, loaded.tokenizer.dtype) == (torch.bfloat16, torch.float32)


def test_a_family_saves_its_own_networks_only(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="says family 'var', expected 'llamagen'"):
        LLAMAGEN.save(tmp_path / "new", INFO, tiny_var(CONFIG), tiny_tokenizer(), torch.float32)
    info = INFO.model_copy(update={"family": "llamagen"})
    with pytest.raises(WeightsError, match="a VAR cannot be saved as the LlamaGen of llamagen"):
        LLAMAGEN.save(tmp_path / "new", info, tiny_var(CONFIG), tiny_tokenizer(), torch.float32)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("model", "tokenizer", "info", "said"),
    [
        (tiny_var(CONFIG.model_copy(update={"vocab_size": 9})), tiny_tokenizer(), INFO, "predicts codes of 9"),
        (tiny_var(CONFIG.model_copy(update={"sides": (1, 4)})), tiny_tokenizer(), INFO, "scales of sides"),
        (tiny_var(CLASS_CONFIG), tiny_tokenizer(), INFO, "says text 'grammar'; the transformer reads 'class'"),
        (tiny_var(WORDS_CONFIG), tiny_tokenizer(), INFO, "knows 7 words, the grammar has"),
    ],
)
def test_parts_that_do_not_belong_together_are_not_saved(
    model: VAR, tokenizer: MultiScaleVQ, info: PackageInfo, said: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=said):
        VAR_FAMILY.save(tmp_path, info, model, tokenizer, torch.float32)
    assert not list(tmp_path.iterdir())


def test_files_that_were_changed_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / TOKENIZER).write_bytes((folder / TRANSFORMER).read_bytes())
    with pytest.raises(WeightsError, match="holds VARConfig, expected MultiScaleVQConfig"):
        load(Choice(name=folder))
    save_file({"w": torch.zeros(1)}, folder / TRANSFORMER, {"kind": "VARConfig", "config": '{"layers": 0}'})
    with pytest.raises(WeightsError, match="has a damaged configuration"):
        load(Choice(name=folder))
    (folder / TRANSFORMER).unlink()
    with pytest.raises(WeightsError, match="is missing"):
        load(Choice(name=folder))
    told = json.loads((folder / PIPELINE).read_text())
    (folder / PIPELINE).write_text(json.dumps({**told, "family": "unheard"}))
    with pytest.raises(WeightsError, match=f"{PIPELINE} says family 'unheard'; choose from .*llamagen, .*var"):
        load(Choice(name=folder))
    (folder / PIPELINE).write_text(json.dumps({**told, "text": "unheard"}))
    with pytest.raises(WeightsError, match=f"{PIPELINE} is damaged: text='unheard': must be 'grammar', 'label' or"):
        read_info(folder)
    with pytest.raises(WeightsError, match=f"holds no {PIPELINE}"):
        read_info(tmp_path / "none")


@pytest.mark.parametrize("scale", ["NaN", "Infinity", "1e999"])
def test_a_guidance_scale_that_is_no_number(folder: Path, scale: str) -> None:
    told = (folder / PIPELINE).read_text()
    (folder / PIPELINE).write_text(told.replace('"guidance_scale": 2.0', f'"guidance_scale": {scale}'))
    with pytest.raises(WeightsError, match="guidance_scale"):
        load(Choice(name=folder))


def test_a_description_that_does_not_fit_the_transformer(folder: Path) -> None:
    told = json.loads((folder / PIPELINE).read_text())
    (folder / PIPELINE).write_text(json.dumps({**told, "text": "label"}))
    with pytest.raises(WeightsError, match="says text 'label'; the transformer reads 'words'"):
        load(Choice(name=folder))
    save_tiny_package(folder)
    told = json.loads((folder / PIPELINE).read_text())
    (folder / PIPELINE).write_text(json.dumps({**told, "text": "caption"}))
    with pytest.raises(WeightsError, match="says text 'caption'; the transformer reads 'words'"):
        load(Choice(name=folder))


@pytest.mark.parametrize("file", [TRANSFORMER, TOKENIZER])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_draw_no_black_picture(folder: Path, file: str, value: float) -> None:
    with safe_open(folder / file, "pt") as opened:
        told, weights = opened.metadata(), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    next(iter(weights.values())).view(-1)[-1] = value
    save_file(weights, folder / file, told)
    with pytest.raises(WeightsError, match=f"{file}: .* holds values that are not numbers"):
        load(Choice(name=folder))
