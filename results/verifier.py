"""docs/verifier.md: strategies that go by the embedded verifiers, beside those that look at pictures."""

from collections.abc import Iterator

from results.runs import group
from results.tables import Pair, differences, scores

GROUPS = {"verifier": "next-token", "verifier-next-scale": "next-scale"}
"""Folders of packs and suites, and the model they are of."""
CONTROLS = ("single", "best-of-2", "best-of-3", "best-of-4", "best-of-8", "most-confident-of-8")
"""What draws complete images, and can be read off the first ones of the complete run of either model."""
TITLES = {
    "single": "single",
    "best-of-2": "best of 2 (reward)",
    "best-of-3": "best of 3 (reward)",
    "best-of-4": "best of 4 (reward)",
    "best-of-8": "best of 8 (reward)",
    "most-confident-of-8": "most confident of 8",
    "verifier-of-8": "**verifier of 8**",
    "halving": "**verifier-halving**, then by verifier",
    "halving-reward": "**verifier-halving**, then by reward",
    "particles": "particles by verifier, N = 8",
    "tts-var-1": "TTS-VAR, N = 1",
    "tts-var-verifier-1": "**TTS-VAR by verifier and latents**, N = 1",
    "tts-var-verifier-2": "**TTS-VAR by verifier and latents**, N = 2",
}
PAIRS: list[Pair] = [
    ("the verifier's choice of eight, over the most confident", "most-confident-of-8", "verifier-of-8"),
    ("over the best by reward", "best-of-8", "verifier-of-8"),
    ("verifier-halving, then by reward, over the best of three", "best-of-3", "halving-reward"),
    ("over the best of eight", "best-of-8", "halving-reward"),
    ("verifier-halving, then by verifier, over the verifier's choice of eight", "verifier-of-8", "halving"),
    ("particles by verifier, over the verifier's choice of eight", "verifier-of-8", "particles"),
    ("TTS-VAR by verifier and latents, over TTS-VAR with looks, N = 1", "tts-var-1", "tts-var-verifier-1"),
    ("over the best of two, N = 1", "best-of-2", "tts-var-verifier-1"),
    ("over the best of four, N = 2", "best-of-4", "tts-var-verifier-2"),
]


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block of the page."""
    for name, model in GROUPS.items():
        with group(name, name, firsts_of=model, labels=CONTROLS) as runs:
            yield name, scores(runs, TITLES, "single", looks=True)
            yield f"{name}-differences", differences(runs, PAIRS)
