"""What people have in place of a whole model in plain numbers: it works, or one sentence says what to do.

Tried of Janus, Emu3 and GLM-Image (folders of transformers), of AR-GRPO (one with several files) and of single files:
shards, FSDP's prefixes, merged adapters work; adapters, quantised weights, checkpoints in parts and files for other
programs are refused.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.weights.checkpoint import read_weights
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import hf as tiny_hf
from tests.tiny.glm_image import save_autoregressive
from tests.tiny.simplear import save_simplear
from tests.upstream import released_files

PLAIN = {"layers.0.weight": torch.ones(2, 2)}
MERGE = "is an adapter (LoRA), no model; merge it into its model first"
QUANTISED = "is quantised, which is not supported; use the fp32, bf16 or fp16 model"


def touched(*names: str) -> Callable[[Path], Path]:
    """A folder with files of these names."""

    def make(folder: Path) -> Path:
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"something")
        return folder

    return make


def with_tensor(name: str) -> Callable[[Path], Path]:
    """A file with a tensor of this name beside others."""

    def make(folder: Path) -> Path:
        folder.mkdir()
        save_file({**PLAIN, name: torch.ones(2)}, folder / "model.safetensors")
        return folder / "model.safetensors"

    return make


REFUSED = {
    "peft-folder": (touched("adapter_config.json", "adapter_model.safetensors"), MERGE),
    "peft-file": (lambda folder: touched("adapter_model.bin")(folder) / "adapter_model.bin", MERGE),
    "peft-tensors": (with_tensor("base_model.model.layers.0.attn.lora_A.weight"), MERGE),
    "peft-named": (with_tensor("layers.0.attn.lora_B.default.weight"), MERGE),
    "kohya": (with_tensor("lora_unet_layers_0.lora_down.weight"), MERGE),
    "gptq": (with_tensor("layers.0.attn.wqkv.qweight"), QUANTISED),
    "bitsandbytes": (with_tensor("layers.0.attn.wqkv.weight.absmax"), QUANTISED),
    "fp8": (with_tensor("layers.0.attn.wqkv.weight_scale_inv"), QUANTISED),
    "gguf": (lambda folder: touched("janus-q4.gguf")(folder) / "janus-q4.gguf", "is a GGUF file"),
    "gguf-folder": (touched("janus-q4.gguf", "README.md"), "is a GGUF file"),
    "flax": (touched("flax_model.msgpack"), "holds weights for another framework; use those for PyTorch"),
    "distributed": (touched(".metadata", "__0_0.distcp", "__1_0.distcp"), "dcp_to_torch FOLDER model.pth"),
    "verl": (touched("model_world_size_2_rank_0.pt", "model_world_size_2_rank_1.pt"), "a part of the model for each"),
    "zero-3": (
        touched("zero_pp_rank_0_mp_rank_00_model_states.pt", "zero_pp_rank_1_mp_rank_00_model_states.pt"),
        "DeepSpeed checkpoint in parts; join them with the zero_to_fp32.py",
    ),
    "zero": (touched("zero_to_fp32.py", "latest"), "DeepSpeed checkpoint; join its parts"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_whole_model_is_one_sentence(kind: str, tmp_path: Path) -> None:
    make, said = REFUSED[kind]
    path = make(tmp_path / "model")
    for read in (read_weights, ImagePipeline.from_pretrained):
        with pytest.raises(WeightsError) as caught:
            read(path)
        assert said in str(caught.value)
        assert str(caught.value).startswith(str(path))


def test_other_files_beside_a_model_do_no_harm(tmp_path: Path) -> None:
    folder = touched("model.gguf", "model.onnx")(tmp_path / "model")
    save_file(PLAIN, folder / "model.safetensors")
    assert read_weights(folder).keys() == PLAIN.keys()


@pytest.mark.parametrize("name", ["layers.0.lora_mixer.weight", "quantize.embedding.weight", "layers.0.weight_scaled"])
def test_a_name_that_only_resembles_one_is_no_evidence(name: str, tmp_path: Path) -> None:
    assert name in read_weights(with_tensor(name)(tmp_path / "model"))


# --- folders of transformers -----------------------------------------------------------------------


def codes(folder: Path) -> Tensor:
    pipe = ImagePipeline.from_pretrained(folder)
    return pipe("a red dog", strategy="single", seed=1, output_type="codes").images[0]


def saved(kind: str, folder: Path) -> Path:
    """A folder of transformers."""
    if kind == "glm-image":
        return save_autoregressive(folder)
    return (tiny_hf.save_janus if kind == "janus" else tiny_hf.save_emu3)(folder)


KINDS = ("janus", "emu3", "glm-image")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["_fsdp_wrapped_module.", "module._orig_mod.", "base_model.model."])
def test_wrapped_names_in_a_folder_are_those_of_the_plain_model(kind: str, prefix: str, tmp_path: Path) -> None:
    """As FSDP, DDP around a compiled model, and peft after a merge save them."""
    plain = saved(kind, tmp_path / "plain")
    folder = Path(shutil.copytree(plain, tmp_path / "wrapped"))
    file = folder / "model.safetensors"
    save_file({prefix + name: tensor for name, tensor in load_file(file).items()}, file, {"format": "pt"})
    own, other = (weights_of(ImagePipeline.from_pretrained(path)) for path in (plain, folder))
    assert own.keys() == other.keys()
    assert all(torch.equal(tensor, other[name]) for name, tensor in own.items())


def weights_of(pipe: ImagePipeline) -> dict[str, Tensor]:
    model: Any = pipe.model
    return dict(model.network.state_dict())


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-9])


def pointed(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


def without_a_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))


def in_a_container(folder: Path) -> None:
    file = folder / "model.safetensors"
    torch.save({"model": load_file(file), "step": 3}, folder / "pytorch_model.bin")
    file.unlink()


def in_parts(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "__0_0.distcp").write_bytes(b"something")


def not_merged(folder: Path) -> None:
    file = folder / "model.safetensors"
    own, kept = "q_proj.weight", "q_proj.base_layer.weight"
    save_file({name.replace(own, kept): tensor for name, tensor in load_file(file).items()}, file, {"format": "pt"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, r"model.safetensors is cut short or not a safetensors file; copy it again"),
        (pointed, "is a Git LFS pointer; run 'git lfs pull'"),
        (without_a_shard, "names 'model-00002-of-00002.safetensors', which is missing; copy that file too"),
        (in_a_container, "and has unknown 'model', 'step'; .* or save it with transformers' save_pretrained"),
        (in_parts, r"distributed checkpoint \(FSDP\) in parts; join them"),
        (not_merged, r"base_layer.* is an adapter \(LoRA\), no model; merge it"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_whole_folder_of_transformers_is_one_sentence(
    kind: str, change: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    folder = saved(kind, tmp_path / "model")
    change(folder)
    with pytest.raises(WeightsError, match=said):
        ImagePipeline.from_pretrained(folder)


def test_a_tokenizer_beside_an_empty_folder_hides_nothing(tmp_path: Path) -> None:
    """SimpleAR's, a file of weights too."""
    folder = save_simplear(tmp_path / "simplear")
    (folder / "model.safetensors").rename(folder / "model-q4.gguf")
    with pytest.raises(WeightsError, match="is a GGUF file"):
        ImagePipeline.from_pretrained(folder)


def test_a_quantised_folder_of_several_files_too(tmp_path: Path) -> None:
    folder = released_files.save_ar_grpo(tmp_path)
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, "quantization_config": {"quant_method": "fp8"}}))
    with pytest.raises(WeightsError, match=QUANTISED):
        ImagePipeline.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(told))
    weights = load_file(folder / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.ndim == 2)
    save_file({**weights, name: weights[name].to(torch.float8_e4m3fn)}, folder / "model.safetensors")
    with pytest.raises(WeightsError, match="is float8_e4m3fn; quantised weights are not supported"):
        ImagePipeline.from_pretrained(folder)


def test_shards_of_janus_draw_what_one_file_does(tmp_path: Path) -> None:
    tiny_hf.save_janus(tmp_path / "one")
    network = tiny_hf.tiny_janus()
    tiny_hf.save_janus(tmp_path / "many", network)
    (tmp_path / "many" / "model.safetensors").unlink()
    network.save_pretrained(tmp_path / "many", max_shard_size="40KB")
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 1
    assert torch.equal(codes(tmp_path / "one"), codes(tmp_path / "many"))


def test_an_adapter_beside_janus_is_not_left_out_silently(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path / "janus")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(WeightsError, match="is an adapter"):
        ImagePipeline.from_pretrained(folder)


@pytest.mark.parametrize(("name", "said"), [("q_proj.lora_A.weight", "adapter"), ("q_proj.qweight", "quantised")])
def test_tensors_in_janus_that_make_another_model(name: str, said: str, tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path / "janus")
    file = folder / "model.safetensors"
    save_file({**load_file(file), f"model.layers.0.{name}": torch.ones(2)}, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=f"is (an )?{said}"):
        ImagePipeline.from_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("deepseek-ai/Janus-Pro-7B", "take deepseek-community/Janus-Pro-7B"),
        ("deepseek-ai/Janus-Pro-1B@main", "take deepseek-community/Janus-Pro-1B"),
        ("BAAI/Emu3-Gen", "take Emu3-community/Emu3-Gen-hf"),
    ],
)
def test_models_in_the_form_of_their_authors_name_the_other_one(name: str, instead: str) -> None:
    """Before anything is fetched."""
    with pytest.raises(WeightsError, match=instead):
        ImagePipeline.from_pretrained(name)


@pytest.mark.parametrize(("kind", "instead"), [("multi_modality", "deepseek-community"), ("Emu3", "Emu3-community")])
def test_a_folder_in_the_form_of_its_authors_too(kind: str, instead: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    save_file(PLAIN, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=f"in its authors' own format, which is not read; take {instead}"):
        ImagePipeline.from_pretrained(tmp_path)


# --- files under their authors' names ------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["_fsdp_wrapped_module.", "module.", "_orig_mod."])
def test_a_wrapped_llamagen_draws_what_the_plain_one_does(prefix: str, tmp_path: Path) -> None:
    def drawn(folder: Path) -> Tensor:
        pipe = ImagePipeline.from_pretrained(folder, grid=(3, 3), heads=3)
        return pipe("3", strategy="single", seed=1, output_type="codes").images[0]

    plain, wrapped = tmp_path / "plain", tmp_path / "wrapped"
    plain.mkdir()
    wrapped.mkdir()
    transformer, tokenizer = released_files.save_c2i(plain)
    torch.save(
        {"model": {prefix + name: t for name, t in read_weights(transformer).items()}}, wrapped / transformer.name
    )
    (wrapped / tokenizer.name).write_bytes(tokenizer.read_bytes())
    assert torch.equal(drawn(plain), drawn(wrapped))
