import io

from rich.console import Console
from rich.table import Table

from scalingar.core.outputs import Ledger
from scalingar.report.tables import ledger_table, trajectory_table
from tests.tiny.package import result


def lines(table: Table) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_a_row_per_trajectory() -> None:
    names, *rows = lines(trajectory_table(result()))
    assert names.split() == ["trajectory", "tokens", "confidence", "fate"]
    assert rows[0].split(maxsplit=3) == ["0", "16", "0.500", "finished, chosen"]
    assert rows[1].split(maxsplit=3) == ["1", "16", "0.450", "finished"]
    assert rows[2].split(maxsplit=3) == ["2", "4", "0.400", "cut at step 4: confidence below threshold"]


def test_rewards_get_columns_where_any_were_asked() -> None:
    run = result()
    run.candidates[0].rewards["clip"] = 0.25
    names, *rows = lines(trajectory_table(run))
    assert names.split() == ["trajectory", "tokens", "confidence", "clip", "fate"]
    assert rows[0].split()[3] == "0.250"
    assert rows[1].split()[3] == "–"


def test_values_get_a_column_where_a_verifier_gave_them() -> None:
    run = result()
    run.candidates[0].signals["verifier"] = 0.25
    names, *rows = lines(trajectory_table(run))
    assert names.split() == ["trajectory", "tokens", "confidence", "verifier", "fate"]
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
