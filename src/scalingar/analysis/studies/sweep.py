"""One setting of ScalingAR at many values, everything else at its default."""

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
from scalingar.report.figure import new_figure, quiet_axes
from scalingar.report.palette import CHOSEN, INK, MUTED, RULE

PICK = "pick"
"""Not a setting of the strategy: which signal or reward chooses among the survivors."""


def sweep_findings(run: CompleteRun, parameter: str, values: Sequence[Any], fixed: dict[str, Any]) -> Findings:
    """Score, tokens and the paired difference to the default for every value.

    ``parameter``: a dotted setting of scaling-ar, such as ``gate.quantile``, or ``pick``. ``fixed``: others, for all
    values and the default alike.

    Raises:
        ConfigError: no value, an unknown setting, one out of range, or one of the guidance schedule.
    """
    if not values:
        raise ConfigError("no value is given; write some, such as --values 0.1,0.2,0.3.")
    default = outcome(run, "default", fixed)
    outcomes = [outcome(run, str(value), {**fixed, parameter: value}) for value in values]
    rows = [{parameter: name, **row} for name, row in ((one.name, _row(run, one, default)) for one in outcomes)]
    first = {parameter: "default", **_row(run, default, default)}
    note = f"ScalingAR v3 with a fixed guidance scale and {_told(fixed)}. Intervals are 95 %, paired by prompt."
    name = f"sweep-{parameter.replace('.', '-')}"
    return Findings(name, [first, *rows], _plot(run, parameter, default, outcomes), notes=[note])


def outcome(run: CompleteRun, name: str, settings: dict[str, Any]) -> Outcome:
    """ScalingAR's termination under some settings; ``pick`` is for the end."""
    pick = settings.get(PICK, "final_confidence")
    strategy = termination(run, {key: value for key, value in settings.items() if key != PICK})
    ended = replay_strategy(run, strategy)
    chosen = ended.chosen
    if pick != "final_confidence":
        chosen = ended.best(candidate_scores(run, str(pick), strategy.num_trajectories))
    return outcome_of(run, chosen, name, ended.tokens)


def _row(run: CompleteRun, one: Outcome, default: Outcome) -> dict[str, Any]:
    row = outcome_row(run, one, {"default": default})
    row.pop("rule")
    return row


def _told(fixed: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in fixed.items()) or "its other settings at their defaults"


def _plot(run: CompleteRun, parameter: str, default: Outcome, outcomes: Sequence[Outcome]) -> Figure:
    figure = new_figure(7.5, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(5, 3))
    places = range(len(outcomes))
    scores = [score(run, one.points) for one in outcomes]
    quiet_axes(upper)
    quiet_axes(lower)
    upper.axhline(score(run, default.points).value, color=MUTED, linewidth=1.0, linestyle=":")
    errors = [one.standard_error or 0.0 for one in scores]
    upper.errorbar(places, [one.value for one in scores], yerr=errors, fmt="o-", color=CHOSEN, ecolor=RULE, capsize=3)
    lower.plot(places, [one.tokens.mean() for one in outcomes], "o-", color=INK)
    lower.set_xticks(places, [one.name for one in outcomes])
    upper.set_ylabel("score", color=INK)
    lower.set_ylabel("tokens per image", color=INK)
    lower.set_xlabel(parameter, color=INK)
    return figure
