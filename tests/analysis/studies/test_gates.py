"""What a gate did is counted, by hand and from both kinds of run."""

from pathlib import Path

import numpy as np
import pytest

from scalingar.analysis.studies.gates import (
    GateRecord,
    condition_shares,
    correct_shares,
    gate_findings,
    gate_record,
    over_steps,
)
from scalingar.core.errors import BenchmarkError
from scalingar.strategies.build_strategy import build_strategy
from tests.analysis.made_up_runs import decode


@pytest.fixture
def record() -> GateRecord:
    """Two images of two trajectories and three steps: in the first a right one was cut at step 2."""
    alive = np.ones((2, 2, 3), bool)
    below, unrecovered = np.zeros((2, 2, 3), bool), np.zeros((2, 2, 3), bool)
    below[0, 0, 1:] = unrecovered[0, 0, 2] = unrecovered[1, 1, 0] = True
    return GateRecord(
        name="by hand",
        warmup=1,
        alive=alive,
        below=below,
        unrecovered=unrecovered,
        cut_step=np.array([[2, -1], [-1, -1]]),
        chosen=np.array([1, 0]),
        correct=np.array([[True, False], [True, False]]),
        known=np.ones((2, 2), bool),
    )


def test_conditions_and_fates_by_hand(record: GateRecord) -> None:
    assert condition_shares(record) == {"C < θ": 2 / 8, "R < δ": 1 / 8, "both": 1 / 8}
    assert correct_shares(record) == {
        "cut right": 1.0,
        "survivors right": 1 / 3,
        "chosen right": 0.5,
        "cut wrongly": 0.5,
        "cut rightly": 0.0,
    }
    assert over_steps(record)["cuts"].tolist() == [0, 0, 0.5]


def test_decoded_and_replayed_runs_are_told_alike(complete, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    settings = {"name": "scaling-ar", "num_trajectories": 4, "guidance": {"enabled": False}}
    decoded, replayed = gate_record(decode(tmp_path, build_strategy(settings))), gate_record(complete.folder)
    for name in ("alive", "below", "unrecovered", "cut_step", "chosen"):
        np.testing.assert_array_equal(getattr(decoded, name), getattr(replayed, name), err_msg=name)
    rows = gate_findings([decoded, replayed]).rows
    assert rows[0]["cut right"] is None
    assert rows[1]["cut right"] is not None
    assert rows[0]["chosen right"] == rows[1]["chosen right"]


def test_a_gate_that_was_off_is_replayed(complete, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    settings = {"name": "scaling-ar", "num_trajectories": 2, "gate": {"enabled": False}}
    with pytest.raises(BenchmarkError, match="scheduled the guidance scale"):
        gate_record(decode(tmp_path, build_strategy(settings)))
