import io

import pytest
from rich.console import Console
from rich.table import Table

from scalingar.core.outputs import Ledger
from scalingar.report.tables import ledger_table, trajectory_table
from scalingar.strategies import STRATEGIES
from scalingar.strategies.build_strategy import build_strategy
from scalingar.strategies.setting import Setting
from tests.tiny.package import result


def lines(table: Table) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_a_row_per_trajectory() -> None:
    names, *rows = lines(trajectory_table(result()))
    assert names.split() == ["trajectory", "tokens", "final", "confidence", "fate"]
    assert rows[0].split(maxsplit=3) == ["0", "16", "0.500", "finished, chosen"]
    assert rows[1].split(maxsplit=3) == ["1", "16", "0.450", "finished"]
    assert rows[2].split(maxsplit=3) == ["2", "4", "0.400", "cut at step 4: confidence below threshold"]


def test_rewards_get_columns_where_any_were_asked() -> None:
    run = result()
    run.candidates[0].rewards["clip"] = 0.25
    names, *rows = lines(trajectory_table(run))
    assert names.split() == ["trajectory", "tokens", "final", "confidence", "clip", "fate"]
    assert rows[0].split()[3] == "0.250"
    assert rows[1].split()[3] == "–"


def test_the_signal_that_was_chosen_by_has_a_column() -> None:
    run = result()
    run.candidates[0].signals["pmi"] = 3.5
    names, *rows = lines(trajectory_table(run, "pmi"))
    assert names.split() == ["trajectory", "tokens", "final", "confidence", "pmi", "fate"]
    assert [row.split()[3] for row in rows[:2]] == ["3.500", "–"]
    assert lines(trajectory_table(run, "final_confidence")) == lines(trajectory_table(run))


def test_values_get_a_column_where_a_verifier_gave_them() -> None:
    run = result()
    run.candidates[0].signals["verifier"] = 0.25
    names, *rows = lines(trajectory_table(run))
    assert names.split() == ["trajectory", "tokens", "final", "confidence", "verifier", "fate"]
    assert [row.split()[3] for row in rows[:2]] == ["0.250", "–"]


def test_the_ledger_counts_what_was_saved() -> None:
    ledger = Ledger(tokens=40, forward_rows=76, prefill_rows=2, decodes=1, peak_bytes=3 * 2**20)
    ledger.seconds = {"decode": 0.5, "transformer": 1.0, "select": 0.001}
    text = "\n".join(lines(ledger_table(ledger, 64)))
    assert "40 of 64 (62%)" in text
    assert "76 + 2 for prompts" in text
    assert "3.0 MiB" in text
    assert "1.50 (transformer 1.00, decode 0.50)" in text
    assert " of " not in "\n".join(lines(ledger_table(Ledger(tokens=64), 64)))


@pytest.mark.parametrize("name", [name for name in STRATEGIES if build_strategy(name).chosen_by() is not None])
def test_a_strategy_chooses_by_the_signal_that_it_names(name: str) -> None:
    strategy = build_strategy(name)
    signal = strategy.chosen_by()
    assert signal is not None
    candidates = result(cut=0, finished=3).candidates
    for one, value in zip(candidates, (0.2, 0.9, 0.4), strict=True):
        one.signals[signal] = value
    assert strategy.choose(candidates, Setting((4, 4), 2.0, 0, (), 16)) == 1
