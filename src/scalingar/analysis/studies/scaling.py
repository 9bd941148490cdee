"""Score against the number of trajectories and against tokens, for every selection rule."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Findings
from scalingar.analysis.outcomes.outcome import Outcome, score
from scalingar.analysis.outcomes.outcome_table import outcome_row
from scalingar.analysis.outcomes.selection import (
    best_at_tokens,
    best_by,
    importance_of,
    oracle_of,
    outcome_of,
    random_of,
)
from scalingar.analysis.replay.replay import replay_strategy
from scalingar.analysis.replay.variants import termination
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.runs.pooled_run import PooledRun
from scalingar.profile.signals import CONFIDENCE
from scalingar.report.figure import doubling_axis, new_figure, own_style, quiet_axes
from scalingar.report.palette import INK

Point = tuple[int, CompleteRun, Outcome]
"""N, the run that the trajectories come from, and the outcome of a rule."""
_SIGNALS = ("confidence", "pmi", "log_likelihood")


def scaling_findings(run: CompleteRun) -> Findings:
    """Every rule at N = 1, 2, 4, ... up to the run's own N, and beyond by pooling the images of a prompt.

    For next-token models, ScalingAR with default settings and termination only is included.
    """
    rows: list[dict[str, Cell]] = []
    curves: dict[str, list[Point]] = {}
    for n, source in sources(run):
        base = random_of(source, n)
        for rule, outcome in (("random", base), *rules(source, n)):
            if n > 1 or outcome is base:  # with one candidate all rules are the same
                row = outcome_row(source, outcome, {"random": base})
                rows.append({"N": n, "images": source.images, **row, "rule": rule})
            curves.setdefault(rule, []).append((n, source, outcome))
    notes = [_NOTE, _NOTE_ON_TOKENS] if run.traced else [_NOTE]
    return Findings("scaling", rows, _plot(curves), notes=notes)


_NOTE = (
    "N takes the first N trajectories of each image, as a run with N would draw them; beyond the run's own N, images "
    "of a prompt are taken together, so that there are fewer of them. 'random' is the mean over all of them, 'oracle' "
    "the judge's own pick; 'importance' draws in proportion to exp(10·reward), told in expectation. Intervals "
    "are 95 %, paired by prompt."
)
_NOTE_ON_TOKENS = (
    "'tokens of termination': best of k complete candidates, k such that they cost what ScalingAR's termination costs, "
    "between two counts the mixture of both."
)


def sources(run: CompleteRun) -> Iterator[tuple[int, CompleteRun]]:
    """Every N, and the run that has that many trajectories."""
    yield from ((n, run) for n in sizes(run.trajectories))
    together = 2
    while run.plan.images_per_prompt % together == 0:
        yield together * run.trajectories, PooledRun.of(run, together)
        together *= 2


def sizes(n: int) -> list[int]:
    """1, 2, 4, ... and the run's own number."""
    return sorted({*(2**power for power in range(n.bit_length()) if 2**power <= n), n})


def rules(run: CompleteRun, n: int) -> Iterator[tuple[str, Outcome]]:
    """Every rule but the random one, by name, on the first ``n`` trajectories."""
    names = [*run.rewards, *(name for name in _SIGNALS if name not in run.rewards)]
    if not (run.traced or run.recorded_confidence_of(n)):
        names = [name for name in names if name not in CONFIDENCE]
    yield from ((name, best_by(run, name, n)) for name in names)
    yield from ((f"importance, {name}", importance_of(run, name, n)) for name in run.rewards)
    if run.traced:
        replayed = replay_strategy(run, termination(run, {"num_trajectories": n}))
        yield "scaling-ar, termination only", outcome_of(run, replayed.chosen, f"termination-of-{n}", replayed.tokens)
        tokens = float(replayed.tokens.mean())
        yield from ((f"{name}, tokens of termination", best_at_tokens(run, name, tokens)) for name in names)
    yield "oracle", oracle_of(run, n)


@own_style
def _plot(curves: dict[str, list[Point]]) -> Figure:
    figure = new_figure(11.0, 4.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for number, (rule, points) in enumerate(curves.items()):
        scores = [score(source, outcome.points).value for _, source, outcome in points]
        style = {
            "color": f"C{number % 10}",
            "marker": "o^"[number // 10 % 2],
            "markersize": 4,
            "linewidth": 1.4,
            "label": rule,
        }
        left.plot([n for n, _, _ in points], scores, **style)
        right.plot([outcome.tokens.mean() for _, _, outcome in points], scores, **style)
    for axes, label in ((left, "N"), (right, "tokens per image")):
        quiet_axes(axes)
        doubling_axis(axes, label)
    left.set_ylabel("score", color=INK)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8.5)
    return figure
