"""docs/verifier.md: strategies that go by the embedded verifiers, beside those that look at pictures."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from results.budget import divisions, over, scores_of, spread
from results.packs import unpack
from results.runs import DATA, first_images, group
from results.tables import Pair, differences, scores
from scalingar.analysis.outcomes.selection import best_by
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.report.markdown import markdown_table

GROUPS = {"verifier": "next-token", "verifier-next-scale": "next-scale"}
"""Folders of packs and suites, and the model they are of."""
CONTROLS = ("single", "best-of-2", "best-of-3", "best-of-4", "best-of-5", "best-of-8", "most-confident-of-8")
"""What draws complete images, and can be read off the first ones of the complete run of either model."""
ALSO = {"verifier": {}, "verifier-next-scale": {"tts-var-1": "next-scale/tts-var-1"}}
"""Runs of that model that are packed elsewhere."""
TITLES = {
    "single": "single",
    "best-of-2": "best of 2 (reward)",
    "best-of-3": "best of 3 (reward)",
    "best-of-4": "best of 4 (reward)",
    "best-of-5": "best of 5 (reward)",
    "best-of-8": "best of 8 (reward)",
    "most-confident-of-8": "most confident of 8",
    "verifier-of-8": "**verifier of 8**",
    "verifier-of-8-by-detector": "verifier of 8, taught by the detector, which judges",
    "allocate-2.4": "**allocate by the verifier**, 2.4 of 8 each",
    "halving-2": "**verifier-halving**, 8, 3, 1",
    "halving-5": "**verifier-halving**, 8, 6, 3, then by verifier",
    "halving-3.2-reward": "verifier-halving, 5, 3, 2, then by reward",
    "halving-5-reward": "verifier-halving, 8, 6, 3, then by reward",
    "halving-4-reward": "verifier-halving, 8, 4, 3, then by reward",
    "halving-8-reward": "verifier-halving, 16, 8, 6, then by reward",
    "tts-var-1": "TTS-VAR, N = 1",
    "tts-var-verifier-1": "**TTS-VAR by verifier and latents**, N = 1",
    "tts-var-verifier-2": "**TTS-VAR by verifier and latents**, N = 2",
}
PAIRS: list[Pair] = [
    ("the verifier's choice of eight, over the most confident", "most-confident-of-8", "verifier-of-8"),
    ("over the best of eight by reward", "best-of-8", "verifier-of-8"),
    ("taught by the detector's verdicts in place of the reward's order", "verifier-of-8", "verifier-of-8-by-detector"),
    ("allocate by the verifier, over the best of two by reward", "best-of-2", "allocate-2.4"),
    ("over the best of eight by reward", "best-of-8", "allocate-2.4"),
    ("verifier-halving 8, 6, 3, over the best of five, which draws as much", "best-of-5", "halving-5"),
    ("over the best of eight", "best-of-8", "halving-5"),
    ("the same, then by reward, over the best of five", "best-of-5", "halving-5-reward"),
    ("verifier-halving 5, 3, 2, then by reward, over the best of three", "best-of-3", "halving-3.2-reward"),
    ("over the best of eight", "best-of-8", "halving-3.2-reward"),
    ("verifier-halving 8, 3, 1, over the best of two, which draws as much", "best-of-2", "halving-2"),
    ("over the best of four", "best-of-4", "halving-2"),
    ("verifier-halving 8, 4, 3, then by reward, over the best of four", "best-of-4", "halving-4-reward"),
    ("over the best of eight", "best-of-8", "halving-4-reward"),
    ("verifier-halving 16, 8, 6, then by reward, over the best of eight", "best-of-8", "halving-8-reward"),
    ("TTS-VAR by verifier and latents, over TTS-VAR with looks, N = 1", "tts-var-1", "tts-var-verifier-1"),
    ("over the best of two, N = 1", "best-of-2", "tts-var-verifier-1"),
    ("over the best of four, N = 2", "best-of-4", "tts-var-verifier-2"),
]
BUDGETS = ((2.4, (2, 8)), (3.2, (3, 8)), (4.0, (4, 8)))
"""Trajectories per image, and the N of the best by reward that it is held against."""
PACK = "best-of-8.tar.xz"


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block of the page."""
    for name, model in GROUPS.items():
        with group(name, name, firsts_of=model, labels=CONTROLS, also=ALSO[name]) as runs:
            yield name, scores(runs, TITLES, "single", looks=True)
            yield f"{name}-differences", differences(runs, PAIRS)
    yield "verifier-budget", _budgets()


def _budgets() -> str:
    """A budget for each prompt by the verifier's value, on prompts that chose nothing."""
    with TemporaryDirectory() as place:
        verified = CompleteRun.read(unpack(DATA / "verifier-budget" / PACK, Path(place) / "verifier"))
        rewarded = first_images(CompleteRun.read(unpack(DATA / "next-token" / PACK, Path(place) / "reward")))
    return markdown_table(
        ["allocate by the verifier", "score", "tokens/image", "more, over five divisions", "intervals above 0"],
        [row for trajectories, others in BUDGETS for row in _rows(verified, rewarded, trajectories, others)],
    )


def _rows(
    verified: CompleteRun, rewarded: CompleteRun, trajectories: float, others: tuple[int, ...]
) -> Iterator[list[str]]:
    """Per N: the score and what it is more than that of the best of N by reward, on the halves that chose nothing."""
    found = divisions(verified, "verifier", "allocate", trajectories)
    for n in others:
        gaps = over(verified, [best_by(rewarded, "embedded", n).points] * len(found), found)
        yield [
            f"{trajectories:g} each, over the best of {n} by reward ({n * verified.tokens_per_trajectory} tokens)",
            f"{np.mean(scores_of(verified, found)):.3f}",
            f"{np.mean([each.tokens for each in found]):.0f}",
            spread([gap.value for gap in gaps], "+"),
            f"{sum(gap.low > 0 for gap in gaps)} of {len(gaps)}",
        ]
