"""Stored outputs of VAR's official code agree. Their whole tokenizer is too large to keep: its quantiser is here."""

import shutil
from functools import cache
from pathlib import Path

import pytest
import torch

from scalingar.core.errors import WeightsError
from scalingar.decoding.teacher_forcing import latents, teacher_features
from scalingar.doctor.check import check_golden
from scalingar.doctor.golden.golden_file import Comparison
from scalingar.doctor.golden.var import transformer_check as var_gpt
from scalingar.doctor.golden.var import vqvae_check as var_vqvae
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig, phi_index
from tests.upstream import reference

FILES = ["var_no_l2norm", "var_shared_aln"]
SIDES = (1, 2, 3, 4)


@cache
def tokenizer() -> MultiScaleVQ:
    """The official quantiser; encoder and decoder have weights of no meaning."""
    config = MultiScaleVQConfig(
        channels=8, channel_mult=(1,), z_channels=16, res_blocks=1, norm="channel", codebook_size=64, sides=SIDES
    )
    model = MultiScaleVQ(config)
    weights = reference.load("var_quantizer").weights
    model.quantize.load_state_dict({name.removeprefix("quantize."): tensor for name, tensor in weights.items()})
    return model.eval()


def compared(file: reference.Reference) -> list[Comparison]:
    """All but the picture, which needs the official decoder."""
    with torch.inference_mode():
        found = list(var_gpt.compare(file, var_gpt.build(file), tokenizer()))
    return [one for one in found if one.name != "greedy_img"]


@pytest.mark.parametrize("name", FILES)
def test_everything_agrees(name: str) -> None:
    file = reference.load(name)
    found = compared(file)
    assert [one for one in found if not one.ok] == []
    assert file.unused == []
    outputs = {array for array in file.arrays if not array.startswith(("labels", "tokens_in", "sample_noise"))}
    assert outputs - {"greedy_img"} <= {one.name for one in found}


@pytest.mark.parametrize(
    ("array", "by"),
    [
        ("tf_logits_raw_3", 3e-4),
        ("tf_logits_cfg_2", 1e-3),
        ("fwd_logits", 3e-4),
        ("tf_f_hat_1", 3e-4),
        ("tf_next_0", 3e-4),
        ("greedy_idx_3", 1),
        ("sample_idx_2", 1),
        ("sample_f_hat", 3e-4),
    ],
)
def test_one_changed_number_is_noticed(array: str, by: float) -> None:
    file = reference.load("var_no_l2norm")
    file.arrays[array].view(-1)[-1] += by
    assert array in {one.name for one in compared(file) if not one.ok}


@torch.inference_mode()
def test_the_quantiser_agrees() -> None:
    file = reference.load("var_quantizer")
    model = tokenizer()
    stored, given = (var_vqvae.per_scale(file, name, 4) for name in ("idx", "codes"))
    for scale, codes in enumerate(model.quantize.encode(file["f"])):
        assert torch.equal(codes, stored[scale])
    assert torch.allclose(teacher_features(model, stored), file["var_input"], atol=1e-5)
    for name, some in (("f_hat", stored), ("ar_f_hat", given)):
        for scale, latent in enumerate(latents(model, some)):
            assert torch.allclose(latent, file[f"{name}_{scale}"], atol=1e-5)
    assert all(one.ok for one in var_vqvae.next_inputs(file, "ar_next", model, latents(model, given)))
    for scales in range(2, 17):
        assert phi_index(scales, 4) == file[f"phi_index_S{scales}"].tolist()


def test_a_file_without_its_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "var_no_l2norm.npz"
    shutil.copy(reference.GOLDEN / path.name, path)
    with pytest.raises(WeightsError, match=r"belongs with var_vqvae_short\.npz; put that file in"):
        check_golden(path)
