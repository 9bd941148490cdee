"""Tables for the terminal: the fate of each trajectory, and the costs."""

import math
from collections.abc import Callable

from rich.table import Table

from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.report.plain import descent, final_confidence, last_reward, other_signal, signal_words


def trajectory_table(result: PromptResult, chosen_by: str | None = None) -> Table:
    """One row per trajectory: descent if any is a copy, tokens it cost, final C, values and rewards if asked, fate.

    ``chosen_by``: the signal that the strategy chose by, which gets a column if it is another one.
    """
    columns = _columns(result, chosen_by)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, justify="left" if name == "copy of" else "right")
    table.add_column("fate", overflow="fold")
    for candidate in result.candidates:
        chosen = candidate.index == result.chosen
        style = "bold" if chosen else None if candidate.finished else "dim"
        table.add_row(*(cell(candidate) for cell in columns.values()), _fate(candidate, chosen), style=style)
    return table


def _columns(result: PromptResult, chosen_by: str | None) -> dict[str, Callable[[Candidate], str]]:
    """Cell functions by heading."""
    columns: dict[str, Callable[[Candidate], str]] = {"trajectory": lambda candidate: str(candidate.index)}
    if any(candidate.parent is not None for candidate in result.candidates):
        columns["copy of"] = lambda candidate: descent(candidate).removeprefix("copy of ")
    columns["tokens"] = lambda candidate: str(candidate.drawn)
    columns["final confidence"] = lambda candidate: _number(final_confidence(candidate))
    if (signal := other_signal(chosen_by)) is not None:
        columns[signal_words(signal)] = lambda candidate: _number(candidate.signals.get(signal, math.nan))
    if any("verifier" in candidate.signals for candidate in result.candidates):
        columns["verifier"] = lambda candidate: _number(candidate.signals.get("verifier", math.nan))
    for reward in sorted({name for candidate in result.candidates for name in candidate.rewards}):
        # The source of its weights is in the trace; here it would crowd out the numbers.
        columns[_heading(reward, columns)] = lambda candidate, name=reward: _number(last_reward(candidate, name))  # type: ignore[misc]
    return columns


def _heading(reward: str, columns: dict[str, Callable[[Candidate], str]]) -> str:
    name = reward.partition(":")[0]
    return f"reward {name}" if name in columns else name


def _fate(candidate: Candidate, chosen: bool) -> str:
    return "finished, chosen" if chosen else candidate.fate


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"


def ledger_table(ledger: Ledger, full_tokens: int) -> Table:
    """The ledger's counts; ``full_tokens`` is what completing every trajectory would have drawn."""
    table = Table(title="cost", title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    share = f" of {full_tokens} ({ledger.tokens / full_tokens:.0%})" if full_tokens > ledger.tokens else ""
    table.add_row("tokens drawn", f"{ledger.tokens}{share}")
    if ledger.preview_tokens is not None:
        table.add_row("of these in previews", str(ledger.preview_tokens))
    table.add_row("forward rows", f"{ledger.forward_rows} + {ledger.prefill_rows} for prompts")
    table.add_row("images decoded", str(ledger.decodes))
    table.add_row("reward calls", str(ledger.reward_calls))
    if ledger.requests:
        table.add_row("requests", f"{ledger.requests} to a model behind an endpoint")
    if ledger.feature_calls:
        table.add_row("images compared", str(ledger.feature_calls))
    table.add_row("peak memory", f"{ledger.peak_bytes / 2**20:.1f} MiB in live trajectories")
    table.add_row("seconds", _seconds(ledger))
    return table


def _seconds(ledger: Ledger) -> str:
    phases = sorted(ledger.seconds.items(), key=lambda item: -item[1])
    details = ", ".join(f"{name} {seconds:.2f}" for name, seconds in phases if seconds >= 0.005)
    return f"{ledger.total_seconds:.2f}" + (f" ({details})" if details else "")
