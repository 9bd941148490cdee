"""Stored outputs of Infinity's official code agree, and a file that does not agree is noticed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from scalingar.core.errors import WeightsError
from scalingar.doctor.check import check_golden
from scalingar.doctor.golden.golden_file import read_golden
from scalingar.doctor.golden.infinity.run_checks import runs
from scalingar.doctor.golden.infinity.transformer_check import bit_quantizer, build
from tests.doctor.test_check import changed
from tests.tiny import infinity as tiny_infinity
from tests.upstream.reference import GOLDEN


@pytest.mark.parametrize("name", ["infinity_patchify", "infinity_rope"])
def test_everything_agrees(name: str) -> None:
    report = check_golden(GOLDEN / f"{name}.npz")
    assert [one for one in report.comparisons if not one.ok] == []
    assert report.unused == []


@pytest.mark.parametrize(
    ("name", "array", "by"),
    [
        ("infinity_patchify", "tf_logits_raw_4", 3e-4),
        ("infinity_patchify", "tf_logits_cfg_3", 1e-3),
        ("infinity_patchify", "tf_next_2", 3e-4),
        ("infinity_patchify", "cond_BD", 3e-4),
        ("infinity_patchify", "ca_kv", 3e-4),
        ("infinity_patchify", "greedy_bits_4", 1),
        ("infinity_patchify", "sample_bits_4", 1),
        ("infinity_patchify", "vae_schedule", 1),
        ("infinity_rope", "positions_0.75", 1),
        ("infinity_rope", "schedule_1.5_0.25M", 1),
        ("infinity_rope", "pixel_2.0_1M", 1),
        ("infinity_rope", "rope_dim32_0.333", 3e-5),
    ],
)
def test_one_changed_number_is_noticed(name: str, array: str, by: float, tmp_path: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays[array].flat[-1] += np.asarray(by).astype(arrays[array].dtype)

    report = check_golden(changed(name, tmp_path, change))
    assert [one.name for one in report.comparisons if not one.ok] == [array]


def test_an_array_nobody_uses_is_an_error(tmp_path: Path) -> None:
    more = {"mystery": np.zeros(3), "words": np.array(["a"])}
    report = check_golden(changed("infinity_rope", tmp_path, lambda arrays: arrays.update(more)))
    assert report.unused == ["mystery", "words"]
    assert not report.ok


def test_settings_come_from_the_description() -> None:
    file = read_golden(GOLDEN / "infinity_patchify.npz")
    greedy, sampled = runs(file)
    assert (greedy.sampling.greedy, greedy.count, greedy.guidance_scales) == (True, 5, [3.0] * 7)
    assert (sampled.sampling.top_p, sampled.sampling.top_k, sampled.temperatures) == (0.97, 900, [1.0] * 7)
    model = build(file)
    assert bit_quantizer(file, model).patch == 2
    assert model.scales == ((1, 1), (2, 2), (4, 4), (6, 6), (8, 8), (12, 12), (16, 16))


def test_rotary_modes_of_no_released_model_are_refused(tmp_path: Path) -> None:
    meta = json.dumps({"kind": "infinity_rope", "config": {"rope2d_normalized_by_hw": 1}})
    with pytest.raises(WeightsError, match="has rope2d_normalized_by_hw 1; only 2, of released models"):
        check_golden(changed("infinity_rope", tmp_path, lambda arrays: arrays.update(meta_json=np.array(meta))))


def test_pictures_need_the_file_of_the_autoencoder(tmp_path: Path) -> None:
    """All the rest is compared, and the missing file is named."""

    def complete(arrays: dict[str, np.ndarray]) -> None:
        arrays["greedy_img_u8_bgr"] = np.zeros((1, 256, 256, 3), np.uint8)
        for k in range(5, len(arrays["schedule"])):
            side = int(arrays["schedule"][k][1])
            arrays[f"greedy_bits_{k}"] = np.zeros((1, side * side, 32), np.uint8)

    report = check_golden(changed("infinity_patchify", tmp_path, complete))
    wrong = [one.name for one in report.comparisons if not one.ok]
    assert f"greedy_img_u8_bgr: not compared, infinity_vae_p8.npz is missing in {tmp_path}" in wrong
    assert report.unused == []


def test_both_directions_of_an_autoencoder(tmp_path: Path) -> None:
    """A file made here, with both spellings of the names."""
    vae = tiny_infinity.tiny_vae()
    weights = vae.state_dict()
    quantized = torch.full((1, 4, 2, 1), 9.0)
    arrays = {f"w.{name}": tensor.numpy() for name, tensor in weights.items()}
    arrays |= {"keys_plain": np.array(list(weights)), "case.schedule": np.array([[1, 1, 1], [1, 2, 1]])}
    image = torch.rand(1, 3, 32, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        latent = vae.encoder(image)
    arrays |= {"case.image": image.numpy(), "case.h": latent.numpy(), "case.z": quantized.numpy()}
    meta = {"kind": "infinity_vae", "config": {"patch_size": 16}}
    np.savez(tmp_path / "vae.npz", meta_json=json.dumps(meta), **arrays)
    found = {one.name: one.ok for one in check_golden(tmp_path / "vae.npz").comparisons}
    assert found == {"keys_plain": True, "case.h": True, "case.z": False}
