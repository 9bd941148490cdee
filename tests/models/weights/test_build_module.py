"""A network is not built if its file is too small for it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.build_module import build_module

WEIGHTS = {"0.weight": torch.ones(4, 4), "0.bias": torch.ones(4)}


def layers(count: int, width: int) -> nn.Module:
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(count)))


def test_what_the_file_holds_is_built() -> None:
    module = build_module(lambda: layers(1, 4), WEIGHTS, "a.pt")
    assert torch.equal(module.state_dict()["0.weight"], WEIGHTS["0.weight"])
    assert not module.training


@pytest.mark.parametrize(("count", "width"), [(10**12, 1), (1, 10**9), (1, 10**18)])
def test_what_it_cannot_hold_is_not(count: int, width: int) -> None:
    with pytest.raises(WeightsError, match=r"a.pt: the sizes of the network make no sense"):
        build_module(lambda: layers(count, width), WEIGHTS, "a.pt")


class Table(nn.Module):
    """Computes a buffer."""

    def __init__(self, make: Callable[[], Tensor]) -> None:
        super().__init__()
        self.register_buffer("table", make(), persistent=False)


@pytest.mark.parametrize(
    "make", [lambda: torch.arange(10**12), lambda: torch.zeros(10**6, 10**6), lambda: torch.full((10**12,), 1)]
)
def test_tables_are_bounded_too(make: Callable[[], Tensor]) -> None:
    with pytest.raises(WeightsError, match="make no sense"):
        build_module(lambda: Table(make), WEIGHTS, "a.pt")


def test_a_negative_size_and_a_wrong_option() -> None:
    with pytest.raises(WeightsError, match="make no sense"):
        build_module(lambda: layers(1, -4), WEIGHTS, "a.pt")

    def refuse() -> nn.Module:
        raise ConfigError("collapse_prefix is True; no.")

    with pytest.raises(ConfigError, match="collapse_prefix"):
        build_module(refuse, WEIGHTS, "a.pt")
