"""A run writes the same bytes however often it is stopped, and refuses to become another one."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.bench.runs.executors.threads import Threads
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.results import read_results, write_results
from scalingar.bench.runs.runner import Runner, under_way
from scalingar.bench.runs.shard import Workbench
from scalingar.bench.runs.store import COSTS, SAMPLES, RepairWarning, RunStore
from scalingar.bench.runs.validate import check_run
from scalingar.core.errors import BenchmarkError
from scalingar.core.locks import sole_writer
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies.build_strategy import build_strategy
from tests.bench.fakes import Bright
from tests.tiny import scale_pipes
from tests.tiny.pipes import tiny_pipe


def plan(pipe: ImagePipeline, strategy: str = "scaling-ar", **changes: object) -> RunPlan:
    recipe = Recipe(strategy=build_strategy({"name": strategy, "num_trajectories": 1 if strategy == "single" else 3}))
    return RunPlan.model_validate(
        {
            "benchmark": "bright",
            "benchmark_version": "1",
            "settings": {},
            "content": {},
            "provenance": {},
            "recipe": recipe.resolved(pipe),
            "weights": {},
            "images_per_prompt": 2,
            "limit": None,
            "max_rows": 6,
            "shard": 4,
            "all_candidates": False,
            "threads": 1,
            "versions": RunPlan.versions_here(),
            **changes,
        }
    ).of(Bright())


def runner(folder: Path, strategy: str = "scaling-ar", workers: int = 1, **changes: object) -> Runner:
    pipe = tiny_pipe()
    return runner_of(pipe, Bright(), plan(pipe, strategy, **changes), folder, workers)


def runner_of(pipe: ImagePipeline, benchmark: Bright, chart: RunPlan, folder: Path, workers: int = 1) -> Runner:
    return Runner(Threads(Workbench(pipe, benchmark), workers), benchmark, chart, RunStore(folder))


def written(folder: Path) -> dict[str, bytes]:
    """Everything but what depends on time."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != COSTS]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def finish(run: Runner) -> list[int]:
    return [done.images for done in run.run()]


def test_a_run_that_was_stopped_ends_with_the_same_bytes(tmp_path: Path) -> None:
    assert finish(runner(tmp_path / "whole")) == [0, 4, 8, 10]
    stopped = runner(tmp_path / "stopped")
    steps = stopped.run()
    assert [next(steps).images, next(steps).images] == [0, 4]
    del steps
    assert finish(runner(tmp_path / "stopped")) == [4, 8, 10]
    assert written(tmp_path / "stopped") == written(tmp_path / "whole")


def test_a_run_that_does_not_name_its_noise_goes_on_with_the_hosts(tmp_path: Path) -> None:
    """One that an earlier version began."""
    finish(runner(tmp_path))
    told = json.loads((tmp_path / PLAN).read_text())
    assert told["recipe"].pop("noise") == "host"
    (tmp_path / PLAN).write_text(json.dumps(told))
    assert finish(runner(tmp_path)) == [10]


@pytest.mark.parametrize("cut", [1, 700, 2000])
def test_a_kill_within_a_line_or_a_shard_is_made_good(tmp_path: Path, cut: int) -> None:
    finish(runner(tmp_path / "whole"))
    finish(runner(tmp_path / "killed"))
    samples = tmp_path / "killed" / SAMPLES
    samples.write_bytes(samples.read_bytes()[:-cut])
    (tmp_path / "killed" / COSTS).write_text("")
    with pytest.warns(RepairWarning, match="torn"):
        finish(runner(tmp_path / "killed"))
    assert written(tmp_path / "killed") == written(tmp_path / "whole")


def test_a_finished_run_is_not_computed_again(tmp_path: Path) -> None:
    finish(runner(tmp_path))
    before = (tmp_path / COSTS).read_bytes()
    assert finish(runner(tmp_path)) == [10]
    assert (tmp_path / COSTS).read_bytes() == before


def test_another_plan_is_refused_with_what_differs(tmp_path: Path) -> None:
    finish(runner(tmp_path))
    with pytest.raises(BenchmarkError, match=r"recipe.strategy.name: 'scaling-ar' there, 'best-of-n' here"):
        finish(runner(tmp_path, "best-of-n"))
    with pytest.raises(BenchmarkError, match="images_per_prompt: 2 there, 3 here"):
        finish(runner(tmp_path, images_per_prompt=3))


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / SAMPLES).write_text("{}\n")
    with pytest.raises(BenchmarkError, match=f"no {PLAN}"):
        finish(runner(tmp_path))


def test_an_image_is_what_the_pipeline_draws_for_its_seed(tmp_path: Path) -> None:
    run, pipe = runner(tmp_path), tiny_pipe()
    finish(run)
    line = next(line for line in RunStore(tmp_path).samples() if (line["prompt"], line["number"]) == ("a bird", 1))
    alone = pipe("a bird", strategy=run.plan.recipe.strategy, seed=line["seed"]).results[0]
    assert line["chosen"] == alone.chosen
    assert [c["tokens"] for c in line["candidates"]] == [c.tokens for c in alone.candidates]
    with Image.open(tmp_path / line["image"]) as image:
        assert image.info["Description"].startswith(f"scalingar: 'a bird', seed {line['seed']}; ")
        assert np.array_equal(np.asarray(image), np.asarray(pipe.preview(alone.best)))


def test_the_limit_is_per_task_and_results_say_what_a_run_cost(tmp_path: Path) -> None:
    run = runner(tmp_path, limit=1, shard=2)
    finish(run)
    results = read_results(tmp_path, run.benchmark)
    assert [line["prompt"] for line in results.samples] == ["a dog", "a dog", "two cats", "two cats"]
    assert results.costs["tokens_per_image"] == np.mean([line["tokens"] for line in results.samples])
    seconds = np.array([shard["draw_seconds"] / shard["workers"] for shard in run.store.costs()])
    sizes = np.array([shard["images"] for shard in run.store.costs()])
    assert len(sizes) > 1
    rest = seconds - sizes * results.costs["seconds_per_image"]
    error = np.sqrt(len(sizes) / (len(sizes) - 1) * np.square(rest).sum()) / sizes.sum()
    assert results.costs["seconds_per_image_error"] == pytest.approx(error)
    assert results.costs["ledger"]["tokens"] == sum(line["tokens"] for line in results.samples)
    write_results(results, run.store)
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["scores"]["overall"]["value"] == results.summary.overall.value
    assert set(content["plan"]["versions"]) == {"scalingar", "python", "torch", "numpy"}


def test_all_candidates_are_judged_and_traced_on_request(tmp_path: Path) -> None:
    run = runner(tmp_path, "random-of-n", all_candidates=True, shard=10)
    finish(run)
    for line in run.store.samples():
        points = [candidate["verdict"]["points"] for candidate in line["candidates"]]
        assert points[line["chosen"]] == line["verdict"]["points"]
    with np.load(tmp_path / "traces" / "00000.npz") as archive:
        assert archive["values"].shape == (10, 3, len(archive["names"]), 16)
        assert (archive["drawn"] == 16).all()
        confidence = archive["values"][:, :, archive["names"].tolist().index("C")].mean(-1)
    signals = [[c["signals"]["confidence"] for c in line["candidates"]] for line in run.store.samples()]
    np.testing.assert_allclose(confidence, signals, rtol=1e-5)


def test_images_of_unequal_numbers_of_trajectories_are_traced(tmp_path: Path) -> None:
    strategy = {"name": "stop-when-good", "num_trajectories": 3, "reward": "pmi", "rule": {"patience": 1}}
    pipe = tiny_pipe()
    chart = plan(pipe, all_candidates=True, shard=10)
    recipe = chart.recipe.model_copy(update={"strategy": build_strategy(strategy)})
    run = runner_of(pipe, Bright(), chart.model_copy(update={"recipe": recipe}), tmp_path)
    finish(run)
    counts = [len(line["candidates"]) for line in run.store.samples()]
    assert len(set(counts)) > 1
    with np.load(tmp_path / "traces" / "00000.npz") as archive:
        assert (archive["drawn"] == 16).sum(1).tolist() == counts
        assert (archive["drawn"] == 0).sum() == archive["drawn"].size - sum(counts)


def test_validation_finds_what_is_missing_or_was_changed(tmp_path: Path) -> None:
    run = runner(tmp_path)
    finish(run)
    assert check_run(tmp_path, run.benchmark) == 10
    with sole_writer(tmp_path), pytest.raises(BenchmarkError, match="is being written by process"):
        check_run(tmp_path, run.benchmark)
    first = tmp_path / run.store.samples()[0]["image"]
    first.write_bytes(b"something else")
    with pytest.raises(BenchmarkError, match=r"0000\.png was changed"):
        check_run(tmp_path, run.benchmark)
    first.unlink()
    with pytest.raises(BenchmarkError, match=r"0000\.png is missing"):
        check_run(tmp_path, run.benchmark)
    samples = tmp_path / SAMPLES
    samples.write_text("".join(samples.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(BenchmarkError, match="image 1 of 004 is not scored"):
        check_run(tmp_path, run.benchmark)


def test_a_next_scale_run_is_judged_without_traces(tmp_path: Path) -> None:
    pipe = scale_pipes.var_pipe()
    numbered = Bright(prompts={"one": ["1", "2"], "two": ["3"]})
    run = runner_of(pipe, numbered, plan(pipe, "random-of-n", all_candidates=True, shard=6), tmp_path)
    assert finish(run) == [0, 6]
    assert not (tmp_path / "traces").exists()
    assert all(candidate["verdict"] for line in run.store.samples() for candidate in line["candidates"])


def test_what_a_copy_shares_with_its_parent_counts_once(tmp_path: Path) -> None:
    pipe, numbered = scale_pipes.var_pipe(), Bright(prompts={"one": ["1", "2"], "two": ["3"]})
    run = runner_of(pipe, numbered, plan(pipe, "tts-var"), tmp_path)
    finish(run)
    lines = run.store.samples()
    assert sum(line["tokens"] for line in lines) == sum(cost["ledger"]["tokens"] for cost in run.store.costs())
    whole = [sum(candidate["tokens"] for candidate in line["candidates"]) for line in lines]
    assert any(codes > line["tokens"] for codes, line in zip(whole, lines, strict=True)), "there should be copies"


def test_workers_show_in_no_byte(tmp_path: Path) -> None:
    assert finish(runner(tmp_path / "one")) == [0, 4, 8, 10]
    two = runner(tmp_path / "two", workers=2)
    assert finish(two) == [0, 4, 8, 10]
    assert written(tmp_path / "two") == written(tmp_path / "one")
    assert [line["workers"] for line in two.store.costs()] == [2, 2, 1], "the last is alone"


def test_a_shard_that_ran_alone_is_not_shared_out(tmp_path: Path) -> None:
    assert [under_way(place, 7, 3) for place in range(7)] == [3, 3, 3, 3, 3, 3, 1]
    assert [under_way(place, 5, 3) for place in range(5)] == [3, 3, 3, 2, 2]
    run = runner(tmp_path, workers=2, shard=10)
    finish(run)
    (cost,) = run.store.costs()
    told = read_results(tmp_path, run.benchmark).costs["seconds_per_image"]
    assert told == pytest.approx(cost["draw_seconds"] / 10)
