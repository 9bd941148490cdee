"""Made-up studies, and made-up people whose mind is known."""

import itertools
from pathlib import Path

import numpy as np

from scalingar.bench.study.answers import AnswerStore
from scalingar.bench.study.study import Pair, Rating, StudiedRun, Study

MINDS = {"run-w": -0.8, "run-f": 0.1, "run-g": 0.7}
"""Bradley-Terry strengths, with mean 0."""
OPINION = {"run-w": 2.4, "run-f": 3.1, "run-g": 3.6}


def study(prompts: int = 20, per_participant: int = 30, names: tuple[str, ...] = tuple(MINDS)) -> Study:
    """Three runs whose pictures all differ."""
    questions: list[Rating | Pair] = []
    for prompt in range(prompts):
        pictures = {name: f"{prompt:02d}{name}" for name in names}
        questions += [Rating(prompt=f"p{prompt}", picture=pictures[name], runs=(name,)) for name in names]
        questions += [
            Pair(prompt=f"p{prompt}", pictures=(pictures[a], pictures[b]), runs=(a, b), first_left=prompt % 2 == 0)
            for a, b in itertools.combinations(names, 2)
        ]
    return Study(
        seed=3,
        benchmark="made-up",
        prompts=prompts,
        per_participant=per_participant,
        runs=tuple(StudiedRun(name=name, strategy="single, N = 1", plan="") for name in names),
        identical={},
        questions=tuple(questions),
    )


def rated(run: str, mood: float, rng: np.random.Generator) -> int:
    return int(np.clip(np.rint(OPINION[run] + mood + rng.normal(0, 0.9)), 1, 5))


def ask_all(folder: Path, made: Study, people: int, seed: int = 0) -> AnswerStore:
    """People who each are in a mood, prefer left a little, and answer everything by their minds."""
    store = AnswerStore(folder, made)
    store._base.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;")  # no test of the disk
    rng = np.random.default_rng(seed)
    for _ in range(people):
        mood, code = rng.normal(0, 0.5), store.enter()
        progress = store.progress(code)
        while (shown := progress.shown) is not None:
            if isinstance(shown.question, Pair):
                left, right = shown.runs
                lead = MINDS[left] - MINDS[right]
                better_left = rng.random() < 1 / (1 + np.exp(-lead))
                value = (1 if rng.random() < 0.5 else 2) if better_left else (4 if rng.random() < 0.5 else 5)
                progress = store.answer(code, shown.number, value, ["quality"])
            else:
                progress = store.answer(code, shown.number, rated(shown.runs[0], mood, rng))
    return store


def true_opinion(run: str) -> float:
    """Mean of what such people say, by drawing many of them."""
    rng = np.random.default_rng(1)
    moods = rng.normal(0, 0.5, 200_000)
    return float(np.clip(np.rint(OPINION[run] + moods + rng.normal(0, 0.9, 200_000)), 1, 5).mean())
