"""Figures of docs/results that are drawn from what docs/data holds."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from results import budget, csv_tables, next_scale, next_token, prefixes, rivals
from results.collect import SWEEPS
from results.runs import DATA, Group, group
from scalingar.report.figure import doubling_axis, new_figure, own_style, png_bytes, quiet_axes, title
from scalingar.report.labels import label_points
from scalingar.report.palette import CHOSEN, FINISHED, INK, MUTED, RULE

IMAGES = DATA.parent / "images"
LETTERS = {
    "profile.intrinsic_weight": "w_I",
    "profile.alpha_entropy": "α_H",
    "profile.token_weight": "w_tok",
    "gate.quantile": "p",
    "gate.recovery_threshold": "δ_rec",
}
_UNNAMED = (
    *("importance-sampling", "rank-sum-of-8", "patience-3"),
    *("diff", "max", "sum", "resampling-often", "resampling-early"),
    *(f"{part}-only{n}" for part in ("clustering", "resampling") for n in ("", "-4")),
)
"""In tables alone: they lie on top of others."""
_METHODS = ("scaling-ar", "termination", "tts-var", "published", "scheduler")


def figures() -> Iterator[Path]:
    """Draw all of them; yields the files written."""
    with group("next-token", *next_token.SUITES) as runs:
        yield _written("results-quality", quality(runs, next_token.TITLES))
        yield _written("results-confidence", confidence(runs))
    with group("next-scale", *next_scale.SUITES) as runs:
        if runs.runs:
            yield _written("tts-var-quality", quality(runs, next_scale.TITLES))
    for name in rivals.GROUPS:
        with rivals.compared(name) as runs:
            if runs.runs.keys() - set(rivals.COMPLETE):
                yield _written(f"{name}-quality", rivals.figure(runs))
    for name, figure in budget.figures():
        yield _written(name, figure)
    yield _written("results-sweeps", sweeps(DATA / "next-token"))
    yield _written("prefixes", prefixes.figure())


def _written(name: str, figure: Figure) -> Path:
    path = IMAGES / f"{name}.png"
    path.write_bytes(png_bytes(figure))
    return path


@own_style
def quality(runs: Group, titles: Mapping[str, str]) -> Figure:
    """Overall score with its standard error against tokens per image; the papers' methods in colour."""
    figure = new_figure(8.5, 5.6)
    axes = figure.subplots()
    quiet_axes(axes)
    places = {}
    for name, label in titles.items():
        if name not in runs.runs or name in _UNNAMED:
            continue
        run = runs[name]
        overall, tokens = run.summary.overall, run.costs["tokens_per_image"]
        color = CHOSEN if name.startswith(_METHODS) else FINISHED
        axes.errorbar(tokens, overall.value, yerr=overall.standard_error, fmt="o", color=color, ecolor=RULE, capsize=3)
        places[label.replace("**", "")] = (tokens, overall.value)
    doubling_axis(axes, "tokens per image")
    axes.set_ylabel("GenEval, overall", color=INK)
    axes.margins(x=0.2)
    label_points(axes, places)
    return figure


@own_style
def confidence(runs: Group) -> Figure:
    """Distribution of the final confidence C_T: of all complete trajectories, and of those that are chosen."""
    complete = runs["best-of-8"]
    everyone = [[c["signals"]["final_confidence"] for c in line["candidates"]] for line in complete.samples]
    curves = {
        "every trajectory (base)": (np.ravel(everyone), MUTED),
        "most confident of 8": (np.max(everyone, axis=1), INK),
    }
    if "scaling-ar-v3" in runs.runs:
        curves["ScalingAR v3"] = (_chosen(runs["scaling-ar-v3"].samples), CHOSEN)
    figure = new_figure(7.0, 3.6)
    axes = figure.subplots()
    quiet_axes(axes)
    bins = np.linspace(0.3, 1.0, 57)
    for label, (values, color) in curves.items():
        heights, edges = np.histogram(values, bins, density=True)
        name = f"{label}: mean {np.mean(values):.3f}"
        axes.stairs(heights, edges, color=color, linewidth=1.6, label=name)
    axes.set_xlabel("confidence at the end, C_T", color=INK)
    axes.set_ylabel("density", color=INK)
    axes.legend(frameon=False, fontsize=9)
    return figure


def _chosen(samples: list[dict[str, Any]]) -> np.ndarray:
    values = []
    for line in samples:
        candidates = {candidate["index"]: candidate for candidate in line["candidates"]}
        values.append(candidates[line["chosen"]]["signals"]["final_confidence"])
    return np.array(values)


@own_style
def sweeps(folder: Path) -> Figure:
    """Score (with its standard error) and tokens of ScalingAR's termination, one hyperparameter at a time."""
    figure = new_figure(11.0, 4.2)
    columns = figure.subplots(2, len(SWEEPS), sharey="row", height_ratios=(3, 2))
    for (upper, lower), parameter in zip(columns.T, SWEEPS, strict=True):
        default, *rows = csv_tables.read(folder / f"sweep-{parameter.replace('.', '-')}.csv")
        values = [float(row[parameter]) for row in rows]
        quiet_axes(upper)
        quiet_axes(lower)
        upper.axhline(float(default["score"]), color=MUTED, linewidth=1.0, linestyle=":")
        scores, errors = ([float(row[name]) for row in rows] for name in ("score", "score error"))
        upper.errorbar(values, scores, yerr=errors, fmt="o-", color=CHOSEN, ecolor=RULE, capsize=3, markersize=4)
        lower.plot(values, [float(row["tokens/image"]) for row in rows], "o-", color=INK, markersize=4)
        lower.set_xlabel(LETTERS[parameter], color=INK)
        title(upper, LETTERS[parameter])
    columns[0, 0].set_ylabel("score", color=INK)
    columns[1, 0].set_ylabel("tokens per image", color=INK)
    return figure
