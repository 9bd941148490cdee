"""docs/results/next-scale.md."""

from collections.abc import Iterator

from results import csv_tables as of
from results.runs import DATA, group
from results.tables import Pair, differences, scores, summary

TITLES = {
    "single": "single",
    "random-of-8": "random of 8",
    "best-of-2": "best of 2 (reward)",
    "best-of-4": "best of 4 (reward)",
    "best-of-8": "best of 8 (reward)",
    "best-of-16": "best of 16 (reward)",
    "patience-3": "stop when good, patience 3 (reward)",
    "threshold": "**stop when good**, threshold (reward)",
    "allocate-3.2": "**allocate**, 3.2 each on average (reward)",
    "allocate-4": "**allocate**, 4 each on average (reward)",
    "importance-sampling": "importance sampling (reward, λ = 10)",
    "most-confident-of-8": "most confident of 8",
    "likelihood-of-8": "likeliest of 8",
    "pmi-of-8": "PMI of 8",
    "tts-var-1": "**TTS-VAR, N = 1**",
    "tts-var-2": "**TTS-VAR, N = 2**",
    "tts-var-4": "**TTS-VAR, N = 4**",
    "tts-var-8": "**TTS-VAR, N = 8**",
    "clustering-only": "clustering only, N = 2",
    "resampling-only": "resampling only, N = 2",
    "by-confidence": "TTS-VAR by confidence, N = 2",
    "published-lambda-1": "TTS-VAR, λ = 10 as published, N = 1",
    "published-lambda": "TTS-VAR, λ = 10 as published, N = 2",
    "published-lambda-4": "TTS-VAR, λ = 10 as published, N = 4",
    "published-lambda-8": "TTS-VAR, λ = 10 as published, N = 8",
    "diff": "potential DIFF, N = 2",
    "max": "potential MAX, N = 2",
    "sum": "potential SUM, N = 2",
    "resampling-often": "resampling at four scales, N = 2",
    "resampling-early": "resampling at three scales from the fourth, N = 2",
    "clustering-only-4": "clustering only, N = 4",
    "resampling-only-4": "resampling only, N = 4",
}
PAIRS: list[Pair] = [
    ("TTS-VAR over the best of the first N, N = 1", "single", "tts-var-1"),
    ("N = 2", "best-of-2", "tts-var-2"),
    ("N = 4", "best-of-4", "tts-var-4"),
    ("N = 8", "best-of-8", "tts-var-8"),
    ("TTS-VAR over the best of 2 N, which draws as much, N = 1", "best-of-2", "tts-var-1"),
    ("N = 2", "best-of-4", "tts-var-2"),
    ("N = 4", "best-of-8", "tts-var-4"),
    ("N = 8", "best-of-16", "tts-var-8"),
    ("clustering alone, over neither, N = 2", "best-of-2", "clustering-only"),
    ("resampling alone, over neither, N = 2", "best-of-2", "resampling-only"),
    ("both, over clustering alone, N = 2", "clustering-only", "tts-var-2"),
    ("both, over resampling alone, N = 2", "resampling-only", "tts-var-2"),
    ("clustering alone, over neither, N = 4", "best-of-4", "clustering-only-4"),
    ("resampling alone, over neither, N = 4", "best-of-4", "resampling-only-4"),
    ("both, over clustering alone, N = 4", "clustering-only-4", "tts-var-4"),
    ("both, over resampling alone, N = 4", "resampling-only-4", "tts-var-4"),
    ("λ = 10 over λ = 1, N = 1", "tts-var-1", "published-lambda-1"),
    ("N = 2", "tts-var-2", "published-lambda"),
    ("N = 4", "tts-var-4", "published-lambda-4"),
    ("N = 8", "tts-var-8", "published-lambda-8"),
    ("with λ = 10, over the best of 2 N, N = 1", "best-of-2", "published-lambda-1"),
    ("N = 2", "best-of-4", "published-lambda"),
    ("N = 4", "best-of-8", "published-lambda-4"),
    ("N = 8", "best-of-16", "published-lambda-8"),
    ("potential DIFF over VALUE, N = 2", "tts-var-2", "diff"),
    ("MAX", "tts-var-2", "max"),
    ("SUM", "tts-var-2", "sum"),
    ("resampling at four scales over two, N = 2", "tts-var-2", "resampling-often"),
    ("resampling at three, from the fourth on", "tts-var-2", "resampling-early"),
    ("the best of sixteen, over the best of eight", "best-of-8", "best-of-16"),
    ("a threshold, over the best of four, which draws as much", "best-of-4", "threshold"),
    ("a threshold, over the best of eight", "best-of-8", "threshold"),
    ("allocate, 4 each, over the best of four", "best-of-4", "allocate-4"),
    ("a threshold, over TTS-VAR at N = 2, which draws as much", "tts-var-2", "threshold"),
    ("over TTS-VAR at N = 2 with λ = 10", "published-lambda", "threshold"),
    ("by confidence, over one image, N = 2", "single", "by-confidence"),
    ("the most confident of eight, over one image", "single", "most-confident-of-8"),
    ("the likeliest of eight, over one image", "single", "likelihood-of-8"),
    ("PMI of eight, over one image", "single", "pmi-of-8"),
]

SUITES = ("tts-var-derived", "budget-next-scale")
SUMMARY = ("single", "tts-var-1", "best-of-4", "best-of-8", "threshold")
"""What README quotes."""


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block of the page."""
    with group("next-scale", *SUITES) as runs:
        if runs.runs:
            yield "next-scale", scores(runs, TITLES, "single", looks=True)
            yield "next-scale-differences", differences(runs, PAIRS)
            yield "summary-next-scale", summary(runs, {name: TITLES[name].replace("**", "") for name in SUMMARY})
    yield "consistency", _consistency()


def _consistency() -> str:
    columns = {
        "after scale": of.text("scale"),
        "Spearman": of.interval("Spearman", sign=""),
        "its best is the final best": of.interval("same best", sign=""),
    }
    return of.table(of.read(DATA / "next-scale" / "consistency.csv"), columns)
