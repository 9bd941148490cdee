"""Published checkpoints in every shape they come in, on the official code's small weights."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.llamagen.released import (
    check_pair,
    checkpoint,
    llamagen_config,
    load_llamagen,
    load_vq,
    vq_config,
)
from scalingar.models.llamagen.releases import DEFAULTS
from scalingar.models.llamagen.transformer import LlamaGen
from tests.tiny import llamagen as tiny
from tests.upstream import reference

C2I = reference.load("llamagen_c2i")
T2I = reference.load("llamagen_t2i")
VQ = reference.load("llamagen_vq_m124")

Weights = dict[str, Tensor]


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def prefixed(weights: Weights, prefix: str) -> Weights:
    return {prefix + name: tensor for name, tensor in weights.items()}


def agrees(model: LlamaGen, file: reference.Reference) -> bool:
    """The official logits of codes 0 to 3; the first alone would not notice queries and keys swapped."""
    expected = file["logits_cond_then_uncond"]
    with torch.inference_mode():
        logits, cache = model.prefill(reference.condition(model, file), guided=True)
        good = [torch.allclose(logits, expected[0], atol=1e-4)]
        for place in range(3):
            codes = file["tokens_in"][:, place].repeat(2)
            logits = model.step(codes, torch.full((len(codes),), place), cache)
            good.append(torch.allclose(logits, expected[place + 1], atol=1e-4))
    return all(good)


# --- transformers ------------------------------------------------------------------------------


def test_official_t2i_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "t2i_XL_stage1_256.pt", {"model": T2I.weights})
    model = load_llamagen(path, grid=(8, 8))
    assert agrees(model, T2I)
    assert model.config == reference.llamagen(T2I).config.model_copy(update={"condition_vocab": 1000})
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_fsdp_c2i_file_with_its_tables(tmp_path: Path) -> None:
    """Bare, and with the tables and caches old files carry."""
    extras = {
        "freqs_cis": torch.zeros(26, 16, 2),
        "causal_mask": torch.ones(3, 3).bool(),
        "layers.0.attention.kv_cache.k_cache": torch.zeros(1),
        "layers.0.attention.kv_cache.v_cache": torch.zeros(1),
    }
    path = saved(tmp_path / "consolidated.pth", {**C2I.weights, **extras})
    assert agrees(load_llamagen(path, grid=(5, 5), heads=3), C2I)


def ar_grpo(folder: Path, **config: int) -> Path:
    """A folder as transformers saves it: both models, one of them twice."""
    save_file(
        {
            **prefixed(T2I.weights, "gpt_model."),
            **prefixed(VQ.weights, "vq_model."),
            **prefixed({name: t + 1 for name, t in T2I.weights.items()}, "ref_model.gpt_model."),
            **prefixed({name: t + 1 for name, t in VQ.weights.items()}, "ref_model.vq_model."),
        },
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(json.dumps({"model_type": "ImgGen_HF", **config}))
    return folder


def test_ar_grpo_folder_holds_both_models(tmp_path: Path) -> None:
    path = ar_grpo(tmp_path, image_size=128, downsample_size=16)
    model, tokenizer = load_llamagen(path), load_vq(path)
    assert agrees(model, T2I)
    assert load_llamagen(path / "model.safetensors").grid == (8, 8)
    assert model.grid == (8, 8)
    assert torch.equal(tokenizer.encode(VQ["image"]), VQ["indices"])


def test_a_reference_model_beside_bare_names_is_left_behind(tmp_path: Path) -> None:
    weights = {**T2I.weights, **prefixed(T2I.weights, "ref_model.")}
    assert agrees(load_llamagen(saved(tmp_path / "w.pt", weights), grid=(8, 8)), T2I)


def lantern(weights: Weights) -> Weights:
    """LANTERN's names, written out independently of the loader."""
    out: Weights = {"model.freqs_cis": torch.zeros(2)}
    names = {
        "attention.wo": "self_attn.o_proj",
        "feed_forward.w1": "mlp.gate_proj",
        "feed_forward.w3": "mlp.up_proj",
        "feed_forward.w2": "mlp.down_proj",
        "attention_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    for name, tensor in weights.items():
        if name.endswith("attention.wqkv.weight"):
            for letter, third in zip("qkv", tensor.chunk(3), strict=True):
                out["model." + name.replace("attention.wqkv", f"self_attn.{letter}_proj")] = third.clone()
            continue
        if name == "output.weight":
            out["lm_head.weight"] = tensor
            continue
        for ours, theirs in names.items():
            name = name.replace(f".{ours}.", f".{theirs}.")  # noqa: PLW2901
        out["model." + name.replace("tok_embeddings", "embed_tokens")] = tensor
    return out


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_lantern_names(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    weights = lantern(T2I.weights)
    assert "model.layers.2.self_attn.k_proj.weight" in weights
    assert not weights.keys() & T2I.weights.keys()
    save_file(weights, path) if suffix == ".safetensors" else torch.save(weights, path)
    assert agrees(load_llamagen(path, grid=(8, 8)), T2I)


def test_lantern_without_a_key_projection(tmp_path: Path) -> None:
    weights = lantern(T2I.weights)
    del weights["model.layers.1.self_attn.k_proj.weight"]
    path = saved(tmp_path / "w.bin", weights)
    with pytest.raises(WeightsError, match=r"attention.wqkv.weight is 256x128 and should be 384x128"):
        load_llamagen(path, grid=(8, 8))


def test_dtype_and_rotary_table(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", T2I.weights)
    model = load_llamagen(path, grid=(8, 8), dtype=torch.bfloat16)
    assert {weight.dtype for weight in model.state_dict().values()} == {torch.bfloat16}
    torch.testing.assert_close(model.rope, T2I["rope_table"], atol=1e-6, rtol=0)


def test_the_null_caption_comes_from_the_file(tmp_path: Path) -> None:
    model = load_llamagen(saved(tmp_path / "w.pt", T2I.weights), grid=(8, 8))
    assert torch.equal(model.cls_embedding.uncond_embedding, T2I.weights["cls_embedding.uncond_embedding"])  # type: ignore[arg-type]
    without = {k: v for k, v in T2I.weights.items() if k != "cls_embedding.uncond_embedding"}
    with pytest.raises(WeightsError, match=r"'cls_embedding.uncond_embedding' is missing"):
        load_llamagen(saved(tmp_path / "w.pt", without), grid=(8, 8))


# --- image sizes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("c2i_B_256.pt", 16),
        ("c2i_XL_384.pt", 24),
        ("t2i_XL_stage2_512.pt", 32),
        ("t2i_XL_stage1_256.pt", 16),
        ("AR-GRPO_C2I_L_384", 24),
    ],
)
def test_image_size_from_the_name(name: str, grid: int) -> None:
    assert llamagen_config(T2I.weights, name).grid == (grid, grid)


def test_image_size_in_pixels() -> None:
    assert llamagen_config(T2I.weights, "w.pt", image_size=384).grid == (24, 24)
    assert llamagen_config(T2I.weights, "w.pt", grid=(3, 7)).grid == (3, 7)
    assert llamagen_config(T2I.weights, "c2i_B_384.pt", grid=(3, 7)).grid == (3, 7)


def test_unknown_image_size() -> None:
    for name in ("model.pt", "c2i_B_2560.pt", "run_256/model.pt"):
        with pytest.raises(WeightsError, match=r"the image size of.*give image_size, such as 256"):
            llamagen_config(T2I.weights, name)


def test_contradicting_image_size() -> None:
    with pytest.raises(WeightsError, match=r"a model of 384 pixels by its name.*not of 256; use image_size=384"):
        llamagen_config(T2I.weights, "c2i_XL_384.pt", image_size=256)


def test_image_size_off_the_grid() -> None:
    with pytest.raises(ConfigError, match=r"image_size is 250; it must be a multiple of 16"):
        llamagen_config(T2I.weights, "w.pt", image_size=250)


def test_settings_file_that_is_no_settings(tmp_path: Path) -> None:
    for content in ("[1]", "{", '{"image_size": "256"}', '{"image_size": -1}'):
        folder = ar_grpo(tmp_path)
        (folder / "config.json").write_text(content)
        with pytest.raises(WeightsError, match=r"the image size of"):
            load_llamagen(folder)


# --- sizes off the shapes ----------------------------------------------------------------------


@pytest.mark.parametrize(("dim", "heads"), [(768, 12), (1280, 20), (1536, 24), (3200, 32), (4096, 32)])
def test_heads_of_the_published_widths(dim: int, heads: int) -> None:
    with torch.device("meta"):
        weights = {
            "tok_embeddings.weight": torch.zeros(16384, dim),
            "cls_embedding.embedding_table.weight": torch.zeros(1001, dim),
            **{f"layers.{layer}.feed_forward.w1.weight": torch.zeros(9, dim) for layer in range(12)},
        }
    config = llamagen_config(weights, "c2i_B_256.pt")
    assert config.heads == heads
    assert (config.layers, config.hidden, config.condition_vocab) == (12, 9, 1000)
    assert (config.condition, config.condition_tokens) == ("class", 1)


def test_unpublished_width_needs_heads() -> None:
    with pytest.raises(WeightsError, match=r"96 wide, no published size; give the number of heads"):
        llamagen_config(C2I.weights, "w.pt", grid=(5, 5))
    with pytest.raises(ConfigError, match=r"heads is 7; 96 channels do not split"):
        llamagen_config(C2I.weights, "w.pt", grid=(5, 5), heads=7)


# --- tokenizers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["llamagen_vq_m124", "llamagen_vq_m1224"])
def test_official_tokenizer(tmp_path: Path, name: str) -> None:
    file = reference.load(name)
    assert "quantize.codebook_used" in file.weights
    model = load_vq(saved(tmp_path / "vq.pt", {"model": file.weights}))
    assert model.config == reference.vq(file).config
    assert torch.equal(model.encode(file["image"]), file["indices"])
    assert not model.training


def test_averaged_tokenizer_is_preferred(tmp_path: Path) -> None:
    worse = {name: tensor + 1 for name, tensor in VQ.weights.items()}
    path = saved(tmp_path / "vq.pt", {"model": worse, "ema": VQ.weights, "steps": 1})
    assert torch.equal(load_vq(path).encode(VQ["image"]), VQ["indices"])


def test_tokenizer_inside_janus(tmp_path: Path) -> None:
    weights = {**prefixed(VQ.weights, "gen_vision_model."), "language_model.norm": torch.zeros(3)}
    path = saved(tmp_path / "janus.bin", weights)
    assert torch.equal(load_vq(path).encode(VQ["image"]), VQ["indices"])


def test_tokenizer_of_another_kind() -> None:
    weights = tiny.tiny_vq().state_dict()
    with pytest.raises(WeightsError, match=r"first level has 8 channels; published ones"):
        vq_config(weights, "w.pt")


# --- what does not belong ----------------------------------------------------------------------


def test_the_two_files_swapped(tmp_path: Path) -> None:
    transformer = saved(tmp_path / "gpt.pt", T2I.weights)
    tokenizer = saved(tmp_path / "vq.pt", VQ.weights)
    with pytest.raises(WeightsError, match=r"gpt.pt holds no LlamaGen tokenizer.*it is a transformer"):
        load_vq(transformer)
    with pytest.raises(WeightsError, match=r"vq.pt holds no LlamaGen transformer.*it is a VQ tokenizer"):
        load_llamagen(tokenizer)


def test_a_foreign_model(tmp_path: Path) -> None:
    path = saved(tmp_path / "resnet.pt", {"conv1.weight": torch.zeros(1), "fc.bias": torch.zeros(1)})
    for load in (load_llamagen, load_vq, checkpoint):
        with pytest.raises(WeightsError, match=r"resnet.pt holds no LlamaGen.*starts with 'conv1.weight', 'fc.bias'"):
            load(path)


@pytest.mark.parametrize("name", ["layers.1.attention.wo.weight", "norm.weight", "output.weight"])
def test_missing_and_unexpected_tensors(tmp_path: Path, name: str) -> None:
    less = {key: tensor for key, tensor in T2I.weights.items() if key != name}
    with pytest.raises(WeightsError, match=f"w.pt lacks '{name}'; it does not fit LlamaGen"):
        load_llamagen(saved(tmp_path / "w.pt", less), grid=(8, 8))
    more = {**T2I.weights, f"extra.{name}": torch.zeros(1)}
    with pytest.raises(WeightsError, match=f"w.pt has unknown 'extra.{name}'"):
        load_llamagen(saved(tmp_path / "w.pt", more), grid=(8, 8))


def test_tokenizer_must_fit_the_transformer() -> None:
    check_pair(tiny.tiny_llamagen(), tiny.tiny_vq())
    large = tiny.VQ_CONFIG.model_copy(update={"codebook_size": 32})
    with pytest.raises(WeightsError, match=r"predicts 16 codes, the tokenizer has 32; they do not belong"):
        check_pair(tiny.tiny_llamagen(), tiny.tiny_vq(large))


# --- defaults ----------------------------------------------------------------------------------


def test_families(tmp_path: Path) -> None:
    assert checkpoint(saved(tmp_path / "a.pt", C2I.weights)) == "llamagen-c2i"
    assert checkpoint(saved(tmp_path / "b.pt", {"model": T2I.weights})) == "llamagen-t2i"
    assert checkpoint(saved(tmp_path / "c.bin", lantern(T2I.weights))) == "llamagen-t2i"
    assert checkpoint(saved(tmp_path / "d.pt", prefixed(C2I.weights, "gpt_model."))) == "ar-grpo-c2i"
    folder = tmp_path / "e"
    folder.mkdir()
    assert checkpoint(ar_grpo(folder)) == "ar-grpo-t2i"


def test_defaults_of_the_families() -> None:
    told = {name: (d.guidance_scale, d.sampling.top_k, d.padding, d.zero_pads) for name, d in DEFAULTS.items()}
    assert told == {
        "llamagen-c2i": (4.0, 2000, "left", True),
        "llamagen-t2i": (7.5, 1000, "left", True),
        "ar-grpo-c2i": (2.0, 0, "left", True),
        "ar-grpo-t2i": (7.5, 2000, "right", False),
    }
    assert {d.sampling.temperature for d in DEFAULTS.values()} == {1.0}
    with pytest.raises(FrozenInstanceError):
        DEFAULTS["llamagen-c2i"].guidance_scale = 1.0  # type: ignore[misc]
