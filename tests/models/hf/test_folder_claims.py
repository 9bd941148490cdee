"""Folders of transformers are held against their weights, and run no code and ask no questions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from scalingar.core.errors import WeightsError
from scalingar.models.hf.emu3 import load_emu3
from scalingar.models.hf.janus import load_janus
from tests.tiny import hf as tiny_hf
from tests.tiny.t5 import save_tiny_t5


def told(folder: Path, file: str, **settings: object) -> None:
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.mark.parametrize("layers", [10**9, 10**5])
@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize(
    ("save", "load"), [(tiny_hf.save_janus, load_janus), (tiny_hf.save_emu3, load_emu3)], ids=["janus", "emu3"]
)
def test_layers_that_the_weights_do_not_have(
    save: Callable[[Path], Path], load: Callable[[Path], object], pickled: bool, layers: int, tmp_path: Path
) -> None:
    folder = save(tmp_path)
    if pickled:
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    text = tiny_hf.read_config(folder)["text_config"]
    tiny_hf.change_config(folder, text_config={**text, "num_hidden_layers": layers})
    with pytest.raises(WeightsError, match=f"config.json says text_config.num_hidden_layers {layers}, but"):
        load(folder)


def test_a_list_that_is_longer_than_any_network(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    vq = tiny_hf.read_config(folder)["vq_config"]
    tiny_hf.change_config(folder, vq_config={**vq, "channel_multiplier": [1] * 100_000})
    with pytest.raises(WeightsError, match=r"vq_config.channel_multiplier of length 100000"):
        load_janus(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"text_config": 5},
        {"text_config": {"model_type": "llama", "hidden_size": "wide"}},
        {"vq_config": None},
        {"text_config": {"model_type": "llama", "hidden_size": -1}},
        {"vision_config": {"image_size": 0, "patch_size": 0}},
        {"quantization_config": {"quant_method": "bitsandbytes"}},
        {"dtype": "fp3"},
        {"text_config": {"vocab_size": 1e400}},
    ],
)
def test_settings_that_make_no_network(tmp_path: Path, change: dict[str, object]) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    tiny_hf.change_config(folder, **change)
    with pytest.raises(WeightsError) as caught:
        load_janus(folder)
    assert "\n" not in str(caught.value)


def test_a_config_of_a_hundred_thousand_brackets(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(WeightsError, match=r"holds no readable config.json"):
        load_janus(folder)


def test_quantised_weights(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("down_proj.weight"))
    save_file({**weights, name: weights[name].to(torch.int8)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match=r"down_proj.weight is I8; quantised weights are not supported"):
        load_janus(folder)


def test_code_in_a_folder_is_neither_run_nor_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_hf.save_janus(tmp_path / "model")
    trace = tmp_path / "trace"
    (folder / "own.py").write_text(f"from pathlib import Path\nPath({str(trace)!r}).touch()\nclass Own: pass\n")
    told(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": ["own.Own", "own.Own"]}, tokenizer_class="Own")
    told(folder, "config.json", auto_map={"AutoConfig": "own.Own", "AutoModel": "own.Own"})

    def asked(*_: object) -> str:
        raise AssertionError("a question on the terminal")

    monkeypatch.setattr("builtins.input", asked)
    with pytest.raises(WeightsError, match="holds no tokenizer"):
        load_janus(folder)
    assert not trace.exists()


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder, other = tiny_hf.save_janus(tmp_path / "janus"), save_tiny_t5(tmp_path / "t5")
    for file in other.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    with pytest.raises(WeightsError, match="its tokenizer is not Janus'"):
        load_janus(folder)


@pytest.mark.parametrize(
    "change", [{"guidance_scale": float("nan")}, {"guidance_scale": "strong"}, {"temperature": -1.0}, {"top_p": 7}]
)
def test_impossible_defaults(tmp_path: Path, change: dict[str, object]) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    told(folder, "generation_config.json", **change)
    with pytest.raises(WeightsError, match=r"generation_config|cannot be loaded as janus"):
        load_janus(folder)
