"""Sizes read off tensors: what is missing is told by name, and numbers that no shape has are asked for."""

import pytest
import torch

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.shapes import Shapes, numbered

WEIGHTS = {"layers.0.w": torch.zeros(3, 4), "layers.10.w": torch.zeros(3, 4), "layers.norm": torch.zeros(2)}


def shapes(others: dict[str, str] | None = None) -> Shapes:
    return Shapes(WEIGHTS, "a.pt", "Toy transformer", others or {})


def test_children_are_counted_to_the_last() -> None:
    assert numbered(WEIGHTS, "layers") == 11
    assert numbered(WEIGHTS, "layer") == 0


def test_a_missing_tensor() -> None:
    assert shapes()["layers.0.w"] == (3, 4)
    with pytest.raises(WeightsError, match=r"a.pt holds no Toy transformer: 'head' is missing; it starts with 'layers"):
        shapes()["head"]
    with pytest.raises(WeightsError, match=r"it is a Toy tokenizer, the other of the two files"):
        shapes({"layers.norm": "a Toy tokenizer"})["head"]


def test_heads() -> None:
    assert shapes().heads(128, None) == 2
    assert shapes().heads(3200, None, published={3200: 32}) == 32
    assert shapes().heads(96, 3) == 3
    with pytest.raises(WeightsError, match=r"a.pt: the transformer is 96 wide, no published size"):
        shapes().heads(96, None)
    with pytest.raises(ConfigError, match="heads is 48; 96 channels do not split"):
        shapes().heads(96, 48, multiple=4)
