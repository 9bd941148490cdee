"""``scalingar doctor``: what this installation can do, and whether models agree with the official code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from scalingar.doctor.check import Report
    from scalingar.doctor.environment import Fact


def doctor(
    files: Annotated[list[Path] | None, typer.Argument(help="More files for --golden.", show_default=False)] = None,
    golden: Annotated[
        list[Path] | None, typer.Option("--golden", metavar="FILE.npz", help="Compare with these outputs instead.")
    ] = None,
) -> None:
    """Look at devices, versions, extras and weights, and decode a tiny image.

    [b]scalingar doctor --golden FILE.npz ...[/] builds the model in each file and compares all the file holds.
    """
    paths = [*(golden or []), *(files or [])]
    if not (_compare(paths) if paths else _examine()):
        raise typer.Exit(1)


def _examine() -> bool:
    from scalingar.cli.terminal import console as made  # noqa: PLC0415
    from scalingar.core.device.available import available_devices  # noqa: PLC0415
    from scalingar.doctor.environment import facts  # noqa: PLC0415
    from scalingar.doctor.selftest import self_test  # noqa: PLC0415

    report = [*facts(), *(fact for device in available_devices() for fact in self_test(device))]
    made(highlight=False).print(_facts(report))
    return all(fact.ok for fact in report)


def _compare(paths: list[Path]) -> bool:
    from scalingar.cli.terminal import console as made  # noqa: PLC0415
    from scalingar.doctor.check import check_golden  # noqa: PLC0415

    console = made(highlight=False)
    good = True
    for path in paths:
        report = check_golden(path)
        good = good and report.ok
        console.print(f"{report.path} ({report.kind})", style="bold", soft_wrap=True)
        console.print(_comparisons(report))
        for name in report.unused:
            console.print(f"{name} is in the file, but nothing compares it", style="red")
        console.print()
    console.print("everything agrees" if good else "NOT everything agrees", style="bold green" if good else "bold red")
    return good


def _facts(report: "list[Fact]") -> "Table":
    table = _table()
    topic = ""
    for fact in report:
        style = "" if fact.ok else "red"
        table.add_row(fact.topic if fact.topic != topic else "", fact.name, fact.value, style=style)
        topic = fact.topic
    return table


def _comparisons(report: "Report") -> "Table":
    table = _table()
    for comparison in report.comparisons:
        limit = f"at most {comparison.tolerance:g}" if comparison.tolerance else "exact"
        verdict, style = ("", "") if comparison.ok else ("DIFFERS", "red")
        table.add_row(comparison.name, f"{comparison.difference:.3g}", limit, verdict, style=style)
    return table


def _table() -> "Table":
    from rich.table import Table  # noqa: PLC0415

    return Table(box=None, pad_edge=False, show_header=False)
