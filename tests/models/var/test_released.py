"""Published VAR checkpoints in every shape they come in, on the official code's small weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.var.multiscale_vq import SIDES_512, MultiScaleVQ, MultiScaleVQConfig
from scalingar.models.var.released import check_pair, load_multiscale_vq, load_var
from scalingar.models.var.transformer import VAR
from tests.upstream import reference

SHARED = reference.load("var_shared_aln")
PLAIN = reference.load("var_no_l2norm")
SIDES = (1, 2, 3, 4)

TOKENIZER_CONFIG = MultiScaleVQConfig(
    channels=32, channel_mult=(1, 2), z_channels=16, res_blocks=1, codebook_size=64, sides=SIDES
)


def tokenizer_weights() -> dict[str, Tensor]:
    """Official names, statistics included."""
    return {**MultiScaleVQ(TOKENIZER_CONFIG).state_dict(), "quantize.ema_vocab_hit_SV": torch.zeros(4, 64)}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def agrees(model: VAR, file: reference.Reference) -> bool:
    with torch.inference_mode():
        logits = model(file["labels"], file["fwd_x_BLCv_wo_first_l"])[:, :, 0]
    return torch.allclose(logits, file["fwd_logits"], atol=1e-4)


def test_released_file(tmp_path: Path) -> None:
    model = load_var(saved(tmp_path / "var_d36.pth", SHARED.weights))
    assert agrees(model, SHARED)
    assert model.config.shared_modulation
    assert model.config.sides == SIDES
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_safetensors_without_buffers(tmp_path: Path) -> None:
    """The schedule is then known from its length, if it is published."""
    weights = {name: t for name, t in PLAIN.weights.items() if name not in ("lvl_1L", "attn_bias_for_masking")}
    save_file(weights, tmp_path / "var.safetensors")
    assert agrees(load_var(tmp_path / "var.safetensors", sides=SIDES, heads=3), PLAIN)
    with pytest.raises(WeightsError, match="has 4 scales of 30 tokens in all, no published schedule; give sides"):
        load_var(tmp_path / "var.safetensors", heads=3)
    with pytest.raises(WeightsError, match=r"sides \(1, 2, 3, 5\) do not fit them"):
        load_var(tmp_path / "var.safetensors", sides=(1, 2, 3, 5), heads=3)
    with pytest.raises(WeightsError, match="the transformer is 48 wide, no published size; give the number of heads"):
        load_var(tmp_path / "var.safetensors", sides=SIDES)
    long = {**SHARED.weights, "pos_1LC": torch.zeros(1, 2240, 128), "lvl_embed.weight": torch.zeros(10, 128)}
    del long["lvl_1L"]
    assert load_var(saved(tmp_path / "var.pth", long)).config.sides == SIDES_512


def test_training_checkpoint_holds_both(tmp_path: Path) -> None:
    """With its settings and the optimiser's state; a compiled model's prefix goes."""
    weights = tokenizer_weights()
    content = {
        "epoch": 3,
        "iter": 7,
        "args": {"depth": 2, "pn": "1_2_3_4"},
        "trainer": {
            "config": {"patch_nums": SIDES},
            "var_wo_ddp": {f"_orig_mod.{name}": tensor for name, tensor in SHARED.weights.items()},
            "vae_local": weights,
            "var_opt": {"optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
        },
    }
    path = saved(tmp_path / "ar-ckpt-last.pth", content)
    model, tokenizer = load_var(path), load_multiscale_vq(path, SIDES)
    assert agrees(model, SHARED)
    assert tokenizer.config == TOKENIZER_CONFIG
    assert torch.equal(tokenizer.quantize.embedding.weight, weights["quantize.embedding.weight"])
    check_pair(model, tokenizer)


def test_bf16(tmp_path: Path) -> None:
    model = load_var(saved(tmp_path / "var.pth", SHARED.weights), dtype=torch.bfloat16)
    cache = model.prefill(model.condition(SHARED["labels"]), guided=True)
    with torch.inference_mode():
        logits = model.step(None, 0, cache)
    assert logits.dtype == torch.float32
    assert {keys.dtype for keys in cache.keys} == {torch.bfloat16}
    assert torch.allclose(logits[:, :, 0], SHARED["tf_logits_raw_0"], atol=0.1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sides": (1, 2, 4)}, r"has scales of sides \(1, 2, 3, 4\), the tokenizer has \(1, 2, 4\)"),
        ({"codebook_size": 32}, "predicts codes of 64, the tokenizer has 32"),
        ({"z_channels": 8}, "reads channels of 16, the tokenizer has 8"),
    ],
)
def test_a_tokenizer_that_does_not_fit(change: dict[str, int], said: str, tmp_path: Path) -> None:
    model = load_var(saved(tmp_path / "var.pth", SHARED.weights))
    with pytest.raises(WeightsError, match=said):
        check_pair(model, MultiScaleVQ(TOKENIZER_CONFIG.model_copy(update=change)))


def test_foreign_and_broken_files(tmp_path: Path) -> None:
    transformer, tokenizer = saved(tmp_path / "a.pth", SHARED.weights), saved(tmp_path / "b.pth", tokenizer_weights())
    with pytest.raises(WeightsError, match=r"no VAR transformer: .*it is a VAR tokenizer, the other of the two files"):
        load_var(tokenizer)
    with pytest.raises(WeightsError, match=r"no VAR tokenizer: .*it is a VAR transformer, the other of the two files"):
        load_multiscale_vq(transformer)
    with pytest.raises(WeightsError, match="'pos_1LC' is missing; it starts with 'x'"):
        load_var(saved(tmp_path / "c.pth", {"x": torch.zeros(1)}))
    (tmp_path / "d.pth").write_bytes(transformer.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="cut short"):
        load_var(tmp_path / "d.pth")
    with pytest.raises(WeightsError, match=r"has unknown 'blocks\.0\.extra'"):
        load_var(saved(tmp_path / "e.pth", {**SHARED.weights, "blocks.0.extra": torch.zeros(1)}))
    lacking = {name: t for name, t in SHARED.weights.items() if name != "blocks.1.attn.q_bias"}
    with pytest.raises(WeightsError, match=r"lacks 'blocks.1.attn.q_bias'"):
        load_var(saved(tmp_path / "f.pth", lacking))
