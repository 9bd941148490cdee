"""What the live batch fetches from an accelerator; its rows are tested through the engine."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from scalingar.strategies.engine.live_batch import LiveBatch


class There(Tensor):
    """Says that it is on a GPU, and counts its copies to the host."""

    copies = 0

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device("cuda:0")

    def cpu(self, *given: Any, **options: Any) -> Tensor:
        There.copies += 1
        return self.as_subclass(Tensor).clone()


class Batch(SimpleNamespace):
    """Three rows of four codes each, without a model."""

    def codes_until(self, step: int) -> int:
        return step

    def overwrite(self, rows: Tensor, fresh: list[int]) -> "Batch":
        self.codes[rows] = torch.tensor(fresh)
        return self


def live_batch(groups: int = 0) -> LiveBatch:
    There.copies = 0
    codes = torch.arange(12).view(3, 4).as_subclass(There)
    batch = Batch(codes=codes, positions=torch.tensor([2, 2, 1]), cache=SimpleNamespace(lockstep=False))
    return LiveBatch(batch, groups)  # type: ignore[arg-type]


def test_codes_cross_once_between_two_draws() -> None:
    live = live_batch()
    assert [live.view.codes(row, steps).tolist() for row, steps in enumerate((2, 2, 1))] == [[0, 1], [4, 5], [8]]
    assert There.copies == 1
    live.trajectories.positions = live.trajectories.positions + 1  # as a draw does
    assert live.view.codes(1, 3).tolist() == [4, 5, 6]
    assert There.copies == 2


def test_rows_that_are_taken_over_are_fetched_anew() -> None:
    live = live_batch()
    assert live.view.codes(1, 2).tolist() == [4, 5]
    live.release([1])
    live.insert([70])  # type: ignore[arg-type]
    assert live.view.codes(1, 2).tolist() == [70, 70]


def test_a_candidates_codes_are_its_own() -> None:
    live = live_batch(groups=2)
    codes = live.view.codes(0, 2)
    assert codes.shape == (1, 2)
    codes[:] = -1
    assert live.view.codes(0, 2).tolist() == [[0, 1]]
