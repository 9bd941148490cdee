"""Infinity's files in every published form, and those that do not belong."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.infinity.config import InfinityConfig
from scalingar.models.infinity.released import infinity_size, load_bsq_vae, load_infinity, pair
from scalingar.models.infinity.transformer import Infinity
from tests.tiny import infinity as tiny_infinity
from tests.upstream import reference

FILE = reference.load("infinity_patchify")
SCHEDULE = tiny_infinity.SCHEDULE


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def first_logits(model: Infinity) -> Tensor:
    """Of both branches at the first scale."""
    text = FILE["text_kv_compact"][None]
    return model.step(None, 0, model.prefill(model.condition(text), guided=True)).flatten(-2)


def assert_official(model: Infinity) -> None:
    torch.testing.assert_close(first_logits(model), FILE["tf_logits_raw_0"], atol=1e-4, rtol=0)


def unchunked(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """As a model trained in one chunk saves it; here every chunk has one block."""
    return {name.replace("block_chunks.", "blocks.").replace(".module.0.", "."): t for name, t in weights.items()}


# --- transformers ------------------------------------------------------------------------------


def test_flat_file(tmp_path: Path) -> None:
    model = load_infinity(saved(tmp_path / "infinity_2b_reg.pth", FILE.weights), SCHEDULE)
    assert_official(model)
    assert model.config.layers == 2
    assert not model.training


def test_training_checkpoint(tmp_path: Path) -> None:
    worse = {name: tensor + 0.1 for name, tensor in FILE.weights.items()}
    trainer = {"gpt_fsdp": FILE.weights, "gpt_ema_fsdp": worse, "gpt_fsdp_opt": {"state": {}}}
    content = {"args": {"pn": "1M"}, "arch": "infinity_2b", "epoch": 3, "iter": 7, "trainer": trainer, "milestones": []}
    path = saved(tmp_path / "ar-ckpt.pth", content)
    assert_official(load_infinity(path, SCHEDULE))


def test_folder_of_shards(tmp_path: Path) -> None:
    names = sorted(FILE.weights)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for shard, own in shards.items():
        save_file({name: FILE.weights[name].contiguous() for name in own}, tmp_path / shard)
    index = {"weight_map": {name: shard for shard, own in shards.items() for name in own}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert_official(load_infinity(tmp_path, SCHEDULE))


def test_blocks_without_chunks_and_heads_along_another_axis(tmp_path: Path) -> None:
    turned = {n: t.reshape(1, 1, -1, 1) if n.endswith("scale_mul_1H11") else t for n, t in FILE.weights.items()}
    model = load_infinity(saved(tmp_path / "w.pth", unchunked(turned)), SCHEDULE)
    assert_official(model)
    assert model.config.layers == 2


def test_buffers_of_the_training_code_are_left_out(tmp_path: Path) -> None:
    names = ("lvl_1L", "attn_bias_for_masking", "Infinity_visible_kvlen", "Infinity_invisible_qlen")
    more = {**FILE.weights, **{name: torch.zeros(3, dtype=torch.long) for name in names}}
    assert_official(load_infinity(saved(tmp_path / "w.pth", more), SCHEDULE))


def test_the_null_text_is_cut_to_what_is_read(tmp_path: Path) -> None:
    known = FILE.weights["cfg_uncond"]
    longer = {**FILE.weights, "cfg_uncond": torch.cat([known, torch.zeros(600, known.shape[1])])}
    model = load_infinity(saved(tmp_path / "w.pth", longer), SCHEDULE)
    assert model.cfg_uncond.shape == (512, 128)
    assert_official(model)


def test_only_the_blocks_change_their_type(tmp_path: Path) -> None:
    model = load_infinity(saved(tmp_path / "w.pth", FILE.weights), SCHEDULE, dtype=torch.bfloat16)
    assert {p.dtype for p in model.blocks.parameters()} == {torch.bfloat16}
    assert {p.dtype for n, p in model.named_parameters() if not n.startswith("blocks.")} == {torch.float32}
    torch.testing.assert_close(first_logits(model), FILE["tf_logits_raw_0"], atol=0.2, rtol=0)


def test_sizes_are_known_by_their_shapes() -> None:
    assert infinity_size(InfinityConfig.published("8B")) == "8B"
    assert infinity_size(tiny_infinity.CONFIG) is None


@pytest.mark.parametrize("name", ["head.bias", "block_chunks.1.module.0.ca.mat_q.weight"])
def test_missing_and_unexpected_tensors(name: str, tmp_path: Path) -> None:
    less = {key: tensor for key, tensor in FILE.weights.items() if key != name}
    plain = name.replace("block_chunks.1.module.0", "blocks.1")
    with pytest.raises(WeightsError, match=f"w.pth lacks '{plain}'; it does not fit Infinity"):
        load_infinity(saved(tmp_path / "w.pth", less), SCHEDULE)
    with pytest.raises(WeightsError, match="has unknown 'extra'"):
        load_infinity(saved(tmp_path / "w.pth", {**FILE.weights, "extra": torch.zeros(1)}), SCHEDULE)


def test_a_missing_chunk(tmp_path: Path) -> None:
    less = {name: tensor for name, tensor in FILE.weights.items() if not name.startswith("block_chunks.0.")}
    with pytest.raises(
        WeightsError,
        match=r"w\.pth holds no complete Infinity transformer: there is block_chunks\.1, but only 1 of its kind",
    ):
        load_infinity(saved(tmp_path / "w.pth", less), SCHEDULE)


# --- autoencoders ------------------------------------------------------------------------------


def wrapped(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The other spelling: one more level of names."""

    def name(plain: str) -> str:
        stem, kind = plain.rsplit(".", 1)
        return f"{stem}.{'norm' if 'norm' in stem.rsplit('.', 1)[-1] else 'conv'}.{kind}"

    return {name(plain): tensor for plain, tensor in weights.items()}


def test_both_spellings(tmp_path: Path) -> None:
    vae = tiny_infinity.tiny_vae()
    mask = {f"{stem}.lfq.mask": 2 ** torch.arange(3, -1, -1) for stem in ("quantizer", "quantize")}
    latent = torch.randn(1, 4, 4, 3, generator=torch.Generator().manual_seed(0))
    other = wrapped(vae.state_dict())
    assert "decoder.up.1.upsample.conv.conv.weight" in other
    assert "decoder.mid.block_1.norm1.norm.bias" in other
    for weights in (vae.state_dict(), other):
        path = saved(tmp_path / "vae.pth", {"vae": {**weights, **mask}, "ema": {}})
        assert torch.equal(load_bsq_vae(path).decoder(latent), vae.decoder(latent))
    with pytest.raises(WeightsError, match="both spellings"):
        load_bsq_vae(saved(tmp_path / "vae.pth", {**vae.state_dict(), **other}))


def test_pairs(tmp_path: Path) -> None:
    model, vae = tiny_infinity.tiny_infinity(), tiny_infinity.tiny_vae()
    assert pair(model, vae).quantizer.groups == 4
    assert pair(model, tiny_infinity.tiny_vae(tiny_infinity.PATCHED_VAE_CONFIG)).quantizer.patch == 2
    right, wrong = tmp_path / "infinity_vae_d32reg.pth", tmp_path / "infinity_vae_d32.pth"
    pair(model, vae, "infinity_2b_reg.pth", right)
    with pytest.raises(WeightsError, match=r"d32\.pth fits infinity_2b_reg\.pth in shape.*use infinity_vae_d32reg"):
        pair(model, vae, "infinity_2b_reg.pth", wrong)
    with pytest.raises(WeightsError, match="they do not belong together"):
        pair(tiny_infinity.tiny_infinity(tiny_infinity.CONFIG.model_copy(update={"bits": 8})), vae)


def test_the_two_files_swapped_and_a_foreign_one(tmp_path: Path) -> None:
    transformer = saved(tmp_path / "gpt.pth", FILE.weights)
    vae = saved(tmp_path / "vae.pth", {"vae": tiny_infinity.tiny_vae().state_dict()})
    with pytest.raises(WeightsError, match=r"gpt\.pth holds no Infinity autoencoder.*it is the transformer"):
        load_bsq_vae(transformer)
    with pytest.raises(WeightsError, match=r"vae\.pth holds no Infinity transformer.*it is the autoencoder"):
        load_infinity(vae, SCHEDULE)
    foreign = saved(tmp_path / "resnet.pth", {"fc.bias": torch.zeros(1)})
    for load in (load_infinity, load_bsq_vae):
        with pytest.raises(WeightsError, match=r"resnet\.pth holds no Infinity .*it starts with 'fc\.bias'"):
            load(foreign)


def test_an_autoencoder_of_another_kind(tmp_path: Path) -> None:
    weights = {"encoder.conv_in.weight": torch.zeros(20, 3, 3, 3), "decoder.conv_in.weight": torch.zeros(8, 4, 3, 3)}
    with pytest.raises(WeightsError, match=r"first level has 20 channels; published ones .* no Infinity autoencoder"):
        load_bsq_vae(saved(tmp_path / "w.pth", weights))
