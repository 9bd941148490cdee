"""Making a study from runs: which prompts, whose pictures, and under which names."""

import hashlib
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scalingar.bench.image_files import read_image
from scalingar.bench.runs.results import RunResults
from scalingar.bench.study.study import PICTURES, STUDY, Pair, Question, Rating, StudiedRun, Study
from scalingar.core.errors import BenchmarkError
from scalingar.core.files import check_writable, sha256, write_files
from scalingar.core.pixels import rgb
from scalingar.strategies.build_strategy import strategy_name

PER_PARTICIPANT = 40
"""Questions, about ten minutes."""
_NAME = 16
"""Hexadecimal digits of a picture's name."""


def build_study(
    runs: Sequence[RunResults],
    folder: Path,
    *,
    seed: int = 0,
    limit: int | None = None,
    per_participant: int = PER_PARTICIPANT,
) -> Study:
    """Write a study of runs of the same prompts into ``folder``, which must be empty or not there.

    Of each prompt the first image is asked about: one rating per picture, and one pair per two runs whose pictures
    differ. The pictures get new names and lose all text.

    Args:
        runs: two or more, complete.
        folder: ``study.json`` and ``pictures/`` go there.
        seed: keys which prompts are taken, names, sides and orders; the same one gives the same bytes.
        limit: prompts of each task, taken at random; None: all.
        per_participant: questions that one participant is asked, at most.

    Raises:
        BenchmarkError: runs that cannot be compared, without pictures or with changed ones; a folder that is taken.
        OutputError: the folder cannot be written to.
    """
    _check(runs)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds a study already" if (folder / STUDY).exists() else "is not empty"
        raise BenchmarkError(f"{folder} {what}; choose another folder with -o.")
    lines = [{line["id"]: line for line in run.samples if line["number"] == 0} for run in runs]
    chosen = _prompts(list(lines[0].values()), seed, limit)
    names = [run.name for run in runs]
    rng = np.random.default_rng((seed, 1))
    contents: dict[str, bytes] = {}
    questions: list[Question] = []
    identical: Counter[str] = Counter({f"{a}|{b}": 0 for a, b in itertools.combinations(names, 2)})
    for prompt in chosen:
        pictures = [_picture(run, of[prompt]) for run, of in zip(runs, lines, strict=True)]
        coded = [_coded(picture) for picture in pictures]
        hidden = [_name(seed, prompt, content) for content in coded]
        contents |= {f"{PICTURES}/{name}.png": content for name, content in zip(hidden, coded, strict=True)}
        questions += _ratings(lines[0][prompt]["prompt"], names, hidden)
        for (a, first), (b, second) in itertools.combinations(zip(names, hidden, strict=True), 2):
            if first == second:
                identical[f"{a}|{b}"] += 1
            else:
                text = lines[0][prompt]["prompt"]
                questions.append(Pair(prompt=text, pictures=(first, second), runs=(a, b), first_left=True))
    # A browser is told a question's number: in the order of the runs it would say whose picture this is.
    questions = [questions[place] for place in rng.permutation(len(questions)).tolist()]
    study = Study(
        seed=seed,
        benchmark=runs[0].plan.benchmark,
        prompts=len(chosen),
        per_participant=min(per_participant, len(questions)),
        runs=tuple(StudiedRun(name=run.name, strategy=_strategy(run), plan=run.plan.digest) for run in runs),
        identical=dict(identical),
        questions=tuple(_sides(questions, rng)),
    )
    check_writable(folder)
    # In the order of their hidden names, and the study last: without it the folder holds none.
    files = {path: contents[path] for path in sorted(contents)}
    write_files(folder, {**files, STUDY: (study.model_dump_json(indent=1) + "\n").encode()})
    return study


def _check(runs: Sequence[RunResults]) -> None:
    """Raises BenchmarkError unless the runs can be compared by people."""
    if len(runs) < 2:
        raise BenchmarkError(f"a study compares two or more runs, and {len(runs)} was given.")
    names = Counter(run.name for run in runs)
    if twice := [name for name, count in names.items() if count > 1]:
        raise BenchmarkError(f"two runs are called {twice[0]}; rename the folder of one of them.")
    if odd := [name for name in names if "|" in name or "," in name]:
        raise BenchmarkError(f"the run {odd[0]} has a comma or | in its name; rename its folder.")
    for run in runs:
        if run.plan.derived_from is not None:
            raise BenchmarkError(f"{run.folder} was derived and has no images; give runs of 'bench run'.")
        for setting in ("benchmark", "content"):
            here, there = getattr(runs[0].plan, setting), getattr(run.plan, setting)
            if here != there:
                raise BenchmarkError(
                    f"{run.folder} and {runs[0].folder} are of different prompts ({setting} differs); a study shows "
                    "pictures of the same prompts."
                )


def _prompts(lines: Sequence[dict[str, Any]], seed: int, limit: int | None) -> list[str]:
    """Ids of the prompts that are asked about: all, or ``limit`` of each task at random."""
    ids = [line["id"] for line in lines]
    if limit is None:
        return ids
    shuffled = np.random.default_rng((seed, 0)).permutation(len(lines)).tolist()
    taken: Counter[str] = Counter()
    kept = set()
    for place in shuffled:
        taken[lines[place]["task"]] += 1
        if taken[lines[place]["task"]] <= limit:
            kept.add(ids[place])
    return [name for name in ids if name in kept]


def _picture(run: RunResults, line: dict[str, Any]) -> Image.Image:
    path = run.folder / line["image"]
    picture = read_image(path)
    if sha256(path) != line["sha256"]:
        raise BenchmarkError(f"{path} is not the picture that was judged; 'bench validate {run.folder}' says more.")
    return rgb(picture)


def _coded(picture: Image.Image) -> bytes:
    """A PNG of the pixels alone: no recipe, no text, no date."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", picture.size, picture.tobytes()).save(buffer, "PNG")
    return buffer.getvalue()


def _name(seed: int, prompt: str, content: bytes) -> str:
    """A name that says nothing; equal pictures of a prompt have the same one."""
    return hashlib.sha256(f"{seed}\0{prompt}\0".encode() + content).hexdigest()[:_NAME]


def _strategy(run: RunResults) -> str:
    strategy = run.plan.recipe.strategy
    return f"{strategy_name(strategy)}, N = {strategy.num_trajectories}"


def _ratings(prompt: str, names: Sequence[str], hidden: Sequence[str]) -> Iterator[Rating]:
    """A question per different picture."""
    for picture in dict.fromkeys(hidden):
        runs = tuple(name for name, other in zip(names, hidden, strict=True) if other == picture)
        yield Rating(prompt=prompt, picture=picture, runs=runs)


def _sides(questions: Sequence[Question], rng: np.random.Generator) -> Iterator[Question]:
    """Of every two runs either one is on the left in half of the pairs."""
    kinds: dict[tuple[str, ...], list[int]] = {}
    for place, question in enumerate(questions):
        if isinstance(question, Pair):
            kinds.setdefault(question.runs, []).append(place)
    left = {
        place
        for places in kinds.values()
        for place in rng.permutation(places)[: (len(places) + int(rng.integers(2))) // 2].tolist()
    }
    for place, question in enumerate(questions):
        yield question.model_copy(update={"first_left": place in left}) if isinstance(question, Pair) else question
