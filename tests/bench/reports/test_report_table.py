"""What a comparison looks like as a table: no error is shown that one prompt cannot give."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scalingar.bench.reports.formats import comma_separated, markdown
from scalingar.bench.reports.report_table import Figure, report_table
from scalingar.bench.runs.comparison import Comparison
from scalingar.bench.statistics import ScoreTable, paired_bootstrap
from scalingar.bench.statistics.task_scores import overall, task_estimates
from scalingar.strategies import Single


def table(prompts: int, *, plus: float) -> ScoreTable:
    """Of one task; a little more wherever ``plus`` is."""
    names = [f"p{place}" for place in range(prompts)]
    points = [min(place / 4 + plus, 1.0) for place in range(prompts)]
    return ScoreTable.of_images(prompts=names, tasks=["two"] * prompts, points=points, total=[1.0] * prompts)


def run(name: str, scores: ScoreTable) -> Any:
    estimates = task_estimates(scores)
    summary = SimpleNamespace(label="x", tasks=estimates, overall=overall(estimates), measures={}, further={})
    recipe = SimpleNamespace(model=SimpleNamespace(name="m", options={}), strategy=Single(), seed=0)
    plan = SimpleNamespace(recipe=recipe, images_per_prompt=1)
    costs = {"tokens_per_image": 144.0, "seconds_per_image": 1.0}
    return SimpleNamespace(name=name, plan=plan, summary=summary, samples=[], costs=costs, flattered=False)


def compared(prompts: int) -> Comparison:
    first, second = table(prompts, plus=0.0), table(prompts, plus=0.25)
    difference = paired_bootstrap(first, second, np.random.default_rng(0))
    return Comparison([run("a", first), run("b", second)], "a", {"b": difference})


def test_one_prompt_gives_a_difference_and_no_interval() -> None:
    told = report_table(compared(1))
    assert markdown(told).splitlines()[2:] == [
        "model m; 1 prompt, 1 image each; a task of one prompt: no errors, and no intervals of differences.",
        "",
        "| strategy | reward | N | two | overall | against a | tokens/image | s/image |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| a |  | 1 | 0.000 | 0.000 |  | 144 | 1.00 |",
        "| b |  | 1 | 0.250 | 0.250 | +0.250 | 144 | 1.00 |",
    ]
    assert "low" not in comma_separated(told).splitlines()[0]


def test_a_task_that_is_called_as_a_column_gets_a_title_of_its_own() -> None:
    """Tasks may be tags of a file of prompts."""
    tags = ["overall", "N", "task N", "two"]
    scores = ScoreTable.of_images(prompts=tags, tasks=tags, points=[1.0, 0.5, 0.25, 0.0], total=[1.0] * 4)
    told = report_table(Comparison([run("a", scores)], "a", {}))
    assert told.head[3:8] == ["task overall", "task task N", "task N", "two", "overall"]
    assert len(set(told.head)) == len(told.head)
    heads = [comma_separated(told).splitlines()[0].split(","), markdown(told).splitlines()[4].split(" | ")]
    assert [head.count("overall") for head in heads] == [1, 1]


def test_several_prompts_give_both() -> None:
    told = markdown(report_table(compared(4)))
    assert "model m; 4 prompts, 1 image each; ± standard error, by prompt, of seconds by shard; [95 % interval" in told
    assert "| a |  | 1 | 0.375 ± 0.161 | 0.375 ± 0.161 |  |" in told
    assert "| +0.250 [+0.250, +0.250] |" in told


def test_the_error_of_tokens_is_by_prompt() -> None:
    """Two prompts whose images cost 1 and 3: ± 1, as of two numbers, however many images each has."""
    told = compared(2)
    for each in told.runs:
        each.samples[:] = [{"id": name, "tokens": tokens} for name, tokens in (("p0", 1), ("p1", 3)) for _ in range(50)]
        each.costs["tokens_per_image"] = 2.0
    tokens = report_table(told).rows[0][-2]
    assert isinstance(tokens, Figure)
    assert (tokens.value, tokens.error) == (2.0, pytest.approx(1.0))
