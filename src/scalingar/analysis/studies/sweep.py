"""One setting of ScalingAR at several values, with all others fixed."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Findings
from scalingar.analysis.outcomes.outcome import Outcome, score
from scalingar.analysis.outcomes.outcome_table import outcome_row
from scalingar.analysis.outcomes.selection import candidate_scores, outcome_of
from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.replay.variants import termination
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.core.errors import ConfigError
from scalingar.report.figure import new_figure, own_style, quiet_axes
from scalingar.report.palette import CHOSEN, INK, MUTED, RULE

PICK = "pick"
"""Selects by which signal or reward the final choice is made; not a setting of the strategy."""


def sweep_findings(run: CompleteRun, parameter: str, values: Sequence[Any], fixed: dict[str, Any]) -> Findings:
    """Score, tokens and the paired difference to the default for every value.

    ``parameter``: a dotted setting of scaling-ar, such as ``gate.quantile``, or ``pick``. ``fixed``: other settings,
    for all rows including the default.

    Raises:
        ConfigError: no value, an unknown setting, one out of range, or one of the guidance schedule.
    """
    if not values:
        raise ConfigError("no value is given; write some, such as --values 0.1,0.2,0.3.")
    default = termination_outcome(run, "default", fixed)
    outcomes = [termination_outcome(run, str(value), {**fixed, parameter: value}) for value in values]
    rows = [_row(run, parameter, outcome, default) for outcome in (default, *outcomes)]
    settings = ", ".join(f"{name} = {value}" for name, value in fixed.items()) or "its other settings at their defaults"
    note = f"ScalingAR v3 with a fixed guidance scale and {settings}. Intervals are 95 %, paired by prompt."
    name = f"sweep-{parameter.replace('.', '-')}"
    return Findings(name, rows, _plot(run, parameter, default, outcomes), notes=[note])


def termination_outcome(run: CompleteRun, name: str, settings: dict[str, Any]) -> Outcome:
    """The outcome of ScalingAR's termination under some settings; the setting ``pick`` makes the final choice."""
    pick = settings.get(PICK, "final_confidence")
    strategy = termination(run, {key: value for key, value in settings.items() if key != PICK})
    replayed = replay_strategy(run, strategy)
    chosen = replayed.chosen
    if pick != "final_confidence":
        chosen = replayed.best(candidate_scores(run, str(pick), strategy.num_trajectories))
    return outcome_of(run, chosen, name, replayed.tokens)


def _row(run: CompleteRun, parameter: str, outcome: Outcome, default: Outcome) -> dict[str, Any]:
    row = outcome_row(run, outcome, {"default": default})
    return {parameter: row.pop("rule"), **row}


@own_style
def _plot(run: CompleteRun, parameter: str, default: Outcome, outcomes: Sequence[Outcome]) -> Figure:
    figure = new_figure(7.5, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 3))
    positions = range(len(outcomes))
    scores = [score(run, outcome.points) for outcome in outcomes]
    quiet_axes(upper)
    quiet_axes(lower)
    upper.axhline(score(run, default.points).value, color=MUTED, linewidth=1.0, linestyle=":")
    values, errors = [s.value for s in scores], [s.standard_error or 0.0 for s in scores]
    upper.errorbar(positions, values, yerr=errors, fmt="o-", color=CHOSEN, ecolor=RULE, capsize=3)
    lower.plot(positions, [outcome.tokens.mean() for outcome in outcomes], "o-", color=INK)
    lower.set_xticks(positions, [outcome.name for outcome in outcomes])
    upper.set_ylabel("score", color=INK)
    lower.set_ylabel("tokens per image", color=INK)
    lower.set_xlabel(parameter, color=INK)
    return figure
