"""On an accelerator no scale of VAR or Infinity waits for the device, and little crosses to it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import SharedNoise
from scalingar.models.infinity.released import pair
from tests.tiny import infinity as tiny_infinity
from tests.tiny import var as tiny_var
from tests.tiny.pretended_device import DEVICE, PretendedDevice, Upload

SAMPLING = SamplingConfig(temperature=0.7, top_k=2, top_p=0.9)
ROWS = torch.tensor([0, 2, 2, 1])
SELECTION = Upload((4,), waits=False)
"""One upload of the rows that go on, whatever is indexed with them."""


class NoiseThere(SharedNoise):
    """Drawn where it is needed."""

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        return torch.empty(len(steps), size, device=device).exponential_()


def var(**changed: Any) -> tuple[Any, Any, tuple[Tensor, ...]]:
    config = tiny_var.CLASS_CONFIG.model_copy(update=changed)
    return tiny_var.tiny_var(config).to(DEVICE), tiny_var.tiny_tokenizer().to(DEVICE), (torch.tensor([1, 2]),)


def words() -> tuple[Any, Any, tuple[Tensor, ...]]:
    prompts = torch.tensor([[1, 2, 0], [2, 1, 1]])
    model = tiny_var.tiny_var(tiny_var.WORDS_CONFIG).to(DEVICE)
    return model, tiny_var.tiny_tokenizer().to(DEVICE), (prompts, prompts > 0)


def infinity(*lengths: int) -> tuple[Any, Any, tuple[Tensor, ...]]:
    model = tiny_infinity.tiny_infinity().to(DEVICE)
    return model, pair(model, tiny_infinity.tiny_vae().to(DEVICE)), tiny_infinity.texts(*lengths)


MODELS: dict[str, Callable[[], tuple[Any, Any, tuple[Tensor, ...]]]] = {
    "var": var,
    "var, shared norms": lambda: var(shared_modulation=True),
    "var, words": words,
    "infinity": lambda: infinity(3, 3),
    "infinity, texts of two lengths": lambda: infinity(5, 2),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scale", [3.0, [1.0, 2.0, 3.0, 4.0]])
def test_only_the_rows_that_go_on_and_the_guidance_scales_cross(name: str, scale: Any) -> None:
    model, tokenizer, prompts = MODELS[name]()
    decoder = NextScaleDecoder(model=model, tokenizer=tokenizer, sampling=SAMPLING)
    seen: list[list[float]] = []
    with PretendedDevice() as device:
        condition = model.condition(*prompts)
        assert not any(upload.waits for upload in device.taken())
        live = decoder.start(condition, [[0, 1], [0, 1]], NoiseThere(), branches=2)
        assert device.taken() == [SELECTION]
        for step in range(len(decoder.scales)):
            strength = np.ravel(decoder.scale_at(live.positions, scale)).tolist()
            codes = decoder.draw(live, scale)
            same = isinstance(scale, float) or strength in seen[-1:]
            assert device.taken() == ([] if same else [Upload((4,), waits=False)])
            seen.append(strength)
            live = decoder.append(live, codes)
            assert device.taken() == []
            live = live.select(ROWS)
            assert device.taken() == [SELECTION]
            if step < len(decoder.scales) - 1:
                live = decoder.advance(live)
                assert device.taken() == []
    assert live.finished.all()
    assert live.latent.device == DEVICE


@pytest.mark.parametrize("name", MODELS)
def test_codes_to_be_looked_at_cross_together(name: str) -> None:
    model, tokenizer, _ = MODELS[name]()
    decoder = NextScaleDecoder(model=model, tokenizer=tokenizer)
    tokens = sum(height * width for height, width in decoder.scales[:2])
    codes = [torch.zeros(tokens, model.groups, dtype=torch.long) for _ in range(3)]
    with PretendedDevice() as device:
        pictures = decoder.pictures(codes)
    assert pictures.shape[:2] == (3, 3)
    assert device.taken() == [Upload((3, tokens, model.groups), waits=False)]


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.all()),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.cpu(),
        lambda x: torch.arange(2, device=x.device).repeat_interleave(x[:, 0]),
    ],
)
def test_what_would_wait_shows(read: Callable[[Tensor], Any]) -> None:
    there = torch.ones(2, 3, dtype=torch.long, device=DEVICE)
    with torch.inference_mode(), PretendedDevice(), pytest.raises((RuntimeError, NotImplementedError)):
        read(there)


@pytest.mark.parametrize(
    "upload",
    [
        lambda x: torch.tensor([1.0, 2.0], device=x.device),
        lambda x: torch.as_tensor([1.0, 2.0], device=x.device),
        lambda x: torch.as_tensor(torch.ones(2).numpy(), device=x.device),
        lambda x: x.new_tensor([1.0, 2.0]),
        lambda x: torch.ones(2).to(x.device),
        lambda x: torch.ones(2).to(x.device, non_blocking=False),
        lambda x: x[torch.tensor([0, 1])],
        lambda x: x[0, :2].copy_(torch.ones(2)),
    ],
)
@pytest.mark.parametrize("inference", [True, False])
def test_ordinary_uploads_show(upload: Callable[[Tensor], Any], inference: bool) -> None:
    there = torch.ones(2, 3, device=DEVICE)
    with torch.inference_mode(inference), PretendedDevice() as device:
        upload(there)
    assert device.taken() == [Upload((2,), waits=True)]
