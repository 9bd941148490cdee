"""Sizes read off tensors: what is missing is told by name, and numbers that no shape has are asked for."""

import pytest
import torch

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.shapes import Shapes, numbered

WEIGHTS = {"layers.0.w": torch.zeros(3, 4), "layers.1.w": torch.zeros(3, 4), "layers.norm": torch.zeros(2)}


def shapes(others: dict[str, str] | None = None) -> Shapes:
    return Shapes(WEIGHTS, "a.pt", "Toy transformer", others or {})


def test_children_are_counted_to_the_last() -> None:
    assert numbered(WEIGHTS, "layers") == 2
    assert numbered(WEIGHTS, "layer") == 0


@pytest.mark.parametrize("number", ["7", "999999999", "9" * 5000])
def test_a_name_is_no_evidence_of_the_modules_before_it(number: str) -> None:
    with pytest.raises(WeightsError, match=r"there is layers\..*, but only 3 of its kind"):
        numbered({**WEIGHTS, f"layers.{number}.w": torch.zeros(1)}, "layers")


@pytest.mark.parametrize("tensor", [torch.zeros(3), torch.zeros(()), torch.zeros(0, 4), torch.zeros(3, 4, 1)])
def test_a_tensor_of_another_kind(tensor: torch.Tensor) -> None:
    odd = Shapes({"w": tensor}, "a.pt", "Toy transformer", {})
    with pytest.raises(WeightsError, match=r"a.pt: w is .*, no Toy transformer's; choose another file"):
        odd.of("w", 2)


def test_a_missing_tensor() -> None:
    assert shapes().of("layers.0.w", 2) == (3, 4)
    with pytest.raises(WeightsError, match=r"a.pt holds no Toy transformer: 'head' is missing; it starts with 'layers"):
        shapes().of("head", 2)
    with pytest.raises(WeightsError, match=r"it is a Toy tokenizer, the other of the two files"):
        shapes({"layers.norm": "a Toy tokenizer"}).of("head", 2)


def test_heads() -> None:
    assert shapes().heads(128, None) == 2
    assert shapes().heads(3200, None, published={3200: 32}) == 32
    assert shapes().heads(96, 3) == 3
    with pytest.raises(WeightsError, match=r"a.pt: the transformer is 96 wide, no published size"):
        shapes().heads(96, None)
    with pytest.raises(ConfigError, match="heads is 48; 96 channels do not split"):
        shapes().heads(96, 48, multiple=4)
