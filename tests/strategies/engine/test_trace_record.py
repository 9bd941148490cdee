"""Notes by step become traces by trajectory."""

import numpy as np

from scalingar.strategies.engine.lineage import Lineage
from scalingar.strategies.engine.trace_record import TraceRecord


def lineage(count: int) -> Lineage:
    found = Lineage()
    assert [found.fresh() for _ in range(count)] == list(range(count))
    return found


def test_notes_become_traces_also_after_one_was_asked_for() -> None:
    record = TraceRecord(lineage(3), 3)
    record.add(0, [0, 1, 2], {"C": np.array([1.0, 2.0, 3.0]), "below": np.array([False, True, False])})
    record.add(0, [0, 2], {"log_p": np.array([-1.0, -3.0])})
    cut = record.of(1, 1)
    assert (cut["C"].tolist(), cut["below"].tolist()) == ([2.0], [1.0])
    assert np.isnan(cut["log_p"]).all()
    record.add(1, [2, 0], {"C": np.array([30.0, 10.0])})
    assert record.of(0, 2)["C"].tolist() == [1.0, 10.0]
    assert record.of(2, 2)["C"].tolist() == [3.0, 30.0]
    assert all(values.dtype == np.float32 for values in record.of(0, 2).values())


def test_a_trace_that_ends_before_anything_was_drawn_holds_all_names() -> None:
    record = TraceRecord(lineage(2), 3, ("log_p",))
    record.add(0, [0, 1], {"C": np.array([1.0, np.nan])})
    ended = record.of(1, 1)
    assert list(ended) == ["log_p", "C"]
    assert np.isnan(ended["log_p"]).all()
    assert record.of(0, 0)["log_p"].shape == (0,)


def test_a_copy_has_its_ancestors_values_up_to_its_birth() -> None:
    family = lineage(1)
    record = TraceRecord(family, 4)
    record.add(0, [0], {"C": np.array([1.0])})
    child = family.child(0, 1)
    record.add(1, [0, child], {"C": np.array([2.0, 20.0])})
    grandchild = family.child(child, 2)
    record.add(np.array([2, 2, 2]), [0, child, grandchild], {"C": np.array([3.0, 30.0, 300.0])})
    assert record.of(0, 3)["C"].tolist() == [1, 2, 3]
    assert record.of(child, 3)["C"].tolist() == [1, 20, 30]
    assert record.of(grandchild, 3)["C"].tolist() == [1, 20, 300]
    assert record.of(grandchild, 2)["C"].tolist() == [1, 20]
