"""How a gate worked: how often its conditions held, how many trajectories survived, and whether it cut bad ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure

from scalingar.analysis.outcomes.findings import Cell, Findings
from scalingar.analysis.replay.replay import Replay, replay_strategy
from scalingar.analysis.replay.variants import termination
from scalingar.analysis.runs.complete_run import CompleteRun, TracedRun
from scalingar.core.errors import BenchmarkError
from scalingar.policy.termination import GateConfig
from scalingar.report.figure import new_figure, own_style, quiet_axes, title
from scalingar.report.palette import INK
from scalingar.strategies import ScalingAR


@dataclass(frozen=True)
class GateRecord:
    """``alive``, ``below`` (C < θ) and ``unrecovered`` (R < δ_rec) at every step.

    ``warmup``: W₀ in steps. ``cut_step``: the step at which each trajectory was cut, or -1. ``correct``: whether it
    earned all points, where that is ``known``: in a decoded run only survivors are judged.
    """

    name: str
    warmup: int
    alive: Bool[np.ndarray, "i n t"]
    below: Bool[np.ndarray, "i n t"]
    unrecovered: Bool[np.ndarray, "i n t"]
    cut_step: Int[np.ndarray, "i n"]
    chosen: Int[np.ndarray, " i"]
    correct: Bool[np.ndarray, "i n"]
    known: Bool[np.ndarray, "i n"]

    @classmethod
    def of_replay(cls, run: CompleteRun, name: str, gate: GateConfig, replayed: Replay) -> "GateRecord":
        """The record of a strategy that was replayed on a complete run, where every verdict is known."""
        n = replayed.cut_step.shape[1]
        return cls(
            name=name,
            warmup=gate.warmup_steps(run.steps),
            alive=replayed.alive,
            below=replayed.below,
            unrecovered=replayed.unrecovered,
            cut_step=replayed.cut_step,
            chosen=replayed.chosen,
            correct=run.correct[:, :n],
            known=np.ones_like(replayed.finished),
        )

    @classmethod
    def of_decoded(cls, run: TracedRun) -> "GateRecord":
        """The record of a decoded run of ScalingAR. Raises BenchmarkError for another strategy."""
        strategy = run.plan.recipe.strategy
        if not isinstance(strategy, ScalingAR):
            raise BenchmarkError(f"{run.folder} is neither complete nor a run of scaling-ar; it has no gate.")
        cuts = [[candidate["cut"] for candidate in line["candidates"]] for line in run.lines]
        return cls(
            name=run.name,
            warmup=strategy.gate.warmup_steps(run.steps),
            alive=np.isfinite(run.traces["C"]),
            below=run.traces["below"] == 1,
            unrecovered=run.traces["unrecovered"] == 1,
            cut_step=np.array([[-1 if cut is None else cut["step"] for cut in row] for row in cuts]),
            chosen=run.chosen,
            correct=run.correct,
            known=np.isfinite(run.points),
        )


def gate_record(folder: Path) -> GateRecord:
    """The record of a run of ScalingAR, or of its termination replayed on a complete run. Raises BenchmarkError."""
    traced = TracedRun.read(folder)
    strategy = traced.plan.recipe.strategy
    if isinstance(strategy, ScalingAR) and strategy.gate.enabled:
        return GateRecord.of_decoded(traced)
    run = CompleteRun.read(folder)
    terminating = termination(run, {})
    replayed = replay_strategy(run, terminating)
    return GateRecord.of_replay(run, f"{run.name}, termination replayed", terminating.gate, replayed)


def gate_findings(records: Sequence[GateRecord]) -> Findings:
    """One row per run; the plot shows conditions, survivors and cuts over the steps."""
    return Findings("gates", [_row(record) for record in records], _plot(records), notes=[_NOTE])


_NOTE = (
    "Conditions: shares of live trajectories after the warm-up. 'cut wrongly': images in which a right trajectory was "
    "cut and the chosen one is wrong; 'cut rightly': a wrong one was cut and the chosen one is right."
)


def _row(record: GateRecord) -> dict[str, Cell]:
    cut, last = record.cut_step >= 0, record.cut_step.max(axis=1)
    return {
        "run": record.name,
        **{name: float(share) for name, share in condition_shares(record).items()},
        "survivors": float((~cut).sum(axis=1).mean()),
        "mean step of a cut": float(record.cut_step[cut].mean()) if cut.any() else None,
        "mean step of the last cut": float(last[last >= 0].mean()) if cut.any() else None,
        **correct_shares(record),
    }


def condition_shares(record: GateRecord) -> dict[str, float]:
    """Share of live rows after the warm-up for which each condition held, and both."""
    live = record.alive[:, :, record.warmup :]
    count = max(1, int(live.sum()))
    below, unrecovered = (part[:, :, record.warmup :] & live for part in (record.below, record.unrecovered))
    return {
        "C < θ": below.sum() / count,
        "R < δ": unrecovered.sum() / count,
        "both": (below & unrecovered).sum() / count,
    }


def correct_shares(record: GateRecord) -> Mapping[str, float | None]:
    """Share of cut, surviving and chosen trajectories that were right; None where cut ones were not judged."""
    cut = record.cut_step >= 0
    chosen = np.take_along_axis(record.correct, record.chosen[:, None], axis=1)[:, 0]
    known = bool(record.known[cut].all()) and bool(cut.any())
    right_cut, wrong_cut = (cut & record.correct).any(axis=1), (cut & ~record.correct).any(axis=1)
    return {
        "cut right": float(record.correct[cut].mean()) if known else None,
        "survivors right": float(record.correct[~cut].mean()),
        "chosen right": float(chosen.mean()),
        "cut wrongly": float((right_cut & ~chosen).mean()) if known else None,
        "cut rightly": float((wrong_cut & chosen).mean()) if known else None,
    }


def over_steps(record: GateRecord) -> dict[str, Float[np.ndarray, " t"]]:
    """Live trajectories per image, cuts per image, and the share of live rows for which the conditions held."""
    live = record.alive.sum(axis=(0, 1))
    steps = record.alive.shape[-1]
    cuts = np.bincount(record.cut_step[record.cut_step >= 0], minlength=steps)
    with np.errstate(invalid="ignore"):
        return {
            "live": live / len(record.alive),
            "cuts": cuts / len(record.alive),
            "C < θ": (record.below & record.alive).sum(axis=(0, 1)) / live,
            "R < δ": (record.unrecovered & record.alive).sum(axis=(0, 1)) / live,
            "both": (record.below & record.unrecovered & record.alive).sum(axis=(0, 1)) / live,
        }


@own_style
def _plot(records: Sequence[GateRecord]) -> Figure:
    figure = new_figure(11.0, 3.4 * len(records))
    panels = figure.subplots(len(records), 2, squeeze=False, sharex=True)
    for record, (left, right) in zip(records, panels, strict=True):
        values = over_steps(record)
        for axes in (left, right):
            quiet_axes(axes)
            axes.axvline(record.warmup, color=INK, linewidth=0.8, linestyle=":")
        for number, name in enumerate(("C < θ", "R < δ", "both")):
            left.plot(values[name], color=f"C{number}", linewidth=1.3, label=name)
        title(left, f"{record.name}: share of live trajectories", 60)
        left.legend(frameon=False, fontsize=8.5)
        title(right, "live trajectories and cuts per image")
        right.plot(values["live"], color="C0", linewidth=1.5, label="live")
        right.bar(np.arange(len(values["cuts"])), values["cuts"], color="C3", width=1.0, label="cut")
        right.legend(frameon=False, fontsize=8.5)
    for axes in panels[-1]:
        axes.set_xlabel("step", color=INK)
    return figure
