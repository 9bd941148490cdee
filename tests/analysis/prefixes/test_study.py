from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float

from scalingar.analysis.prefixes.forks import Forks, Share
from scalingar.analysis.prefixes.plot import figure
from scalingar.analysis.prefixes.study import Study
from scalingar.analysis.prefixes.tables import page, task_table
from scalingar.report.figure import png_bytes
from tests.analysis.prefixes.normal import normal_rewards

SHARES = [Share("4 of 16 codes", 4, 0.25), Share("8 of 16 codes", 8, 0.5)]


def study(*, constant: bool = False, tasks: tuple[str, ...] = ("colors", "counting")) -> Study:
    rewards = np.stack([normal_rewards(rho, prompts=20) for rho in (0.2, 0.8)], 1).round(6)
    plan = {
        "model": "tiny",
        "reward": "pmi",
        "prefixes": 4,
        "completions": 4,
        "prompts": [f"prompt {number}" for number in range(20)],
    }
    own = [tasks[number % len(tasks)] for number in range(20)]
    return Study(plan, own, Forks(SHARES, np.zeros_like(rewards) if constant else rewards, np.full(20, 304), 16))


def test_a_study_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = study()
    (tmp_path / "prefixes.json").write_text(written.json())
    read = Study.read(tmp_path / "prefixes.json")
    assert read.json() == written.json()
    assert page(read) == page(written)


def test_costs_and_gains_of_a_length() -> None:
    short, long = study().lengths()
    assert short.decided.rho is not None
    assert long.decided.rho is not None
    assert short.decided.rho.high < long.decided.rho.low
    assert short.halved.tokens == 0.625
    assert [cut.tokens for cut in long.cuts] == [0.75, 0.625, 0.5625]
    assert all(cut.gain.low <= cut.gain.value <= cut.gain.high for cut in (*short.cuts, *long.cuts))
    assert long.redrawn is not None
    assert long.redrawn.images == 3


def test_the_page_tells_what_was_drawn() -> None:
    told = page(study())
    assert "tiny, reward pmi: 20 prompts, of each 4 prefixes with 4 completions" in told
    assert "6080 tokens in all, those of 380 images" in told
    assert told.count("\n| 4 of 16 codes ") == 3
    assert "\n| colors | 10 | " in told


def test_tasks_are_told_where_there_are_several() -> None:
    assert task_table(study(tasks=("all",))) == ""
    lonely = study(tasks=("colors",))
    once = Study(lonely.plan, ["position", *lonely.tasks[1:]], lonely.forks)
    assert list(once.by_task()) == ["colors"], "one prompt has no interval"


def test_the_figure_is_the_same_bytes() -> None:
    first, second = (png_bytes(figure([study(constant=True), study()])) for _ in range(2))
    assert first == second


def test_a_reward_that_never_varies_is_told_by_dashes() -> None:
    assert "| 4 of 16 codes | 25.0 % | – | – | – | – |" in page(study(constant=True))


def numbers(told: Any) -> Iterator[float]:
    """All numbers of a length but the spread, which has the reward's unit."""
    if isinstance(told, dict):
        told = [each for name, each in told.items() if name != "spread"]
    if isinstance(told, list | tuple):
        for each in told:
            yield from numbers(each)
    elif isinstance(told, float):
        yield told


def test_offset_and_scale_of_a_reward_of_three_levels_change_nothing() -> None:
    """Tenths and thirds are not exact, nor are their sums: what is equal of whole numbers is equal of them."""
    levels = np.random.default_rng(0).integers(0, 3, (12, 4, 4)).astype(float)
    levels[3] = 1  # a prompt whose rewards never vary

    def told(rewards: Float[np.ndarray, "p k m"]) -> list[float]:
        plan = {**study().plan, "prompts": [str(number) for number in range(12)]}
        made = Study(plan, ["all"] * 12, Forks(SHARES[:1], rewards[:, None], np.full(12, 304), 16))
        return list(numbers(asdict(made.lengths()[0])))

    plain = told(levels)
    assert len(plain) > 20
    for scale, offset in ((0.1, -0.7), (1 / 3, 100.1), (7e-4, 0.0)):
        assert told(scale * levels + offset) == pytest.approx(plain)


def test_a_reward_that_never_varies_is_told_by_dashes_at_any_value() -> None:
    never = Study(study().plan, study().tasks, Forks(SHARES, np.full((20, 2, 3, 3), 0.7), np.full(20, 304), 16))
    assert all(length.decided.rho is None and length.halved.gain is None for length in never.lengths())
