"""A run that is over, from its trace or its picture, step by step; files that are neither get a sentence."""

import asyncio
import dataclasses
import json
import re
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from scalingar.core.errors import ConfigError, OutputError, ScalingarError, WeightsError
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import Picture
from scalingar.pipeline.run_folder import run_dict
from scalingar.serve.errors import ApiError
from scalingar.serve.limits import Limits
from scalingar.serve.service import LiveService
from scalingar.serve.studio.tabs.replay import Replay, Shelf, picture_request
from scalingar.serve.studio.trace_file import read_trace
from scalingar.strategies import BestOfN, VerifierOfN
from tests.serve.running import USUAL, tiny_offer
from tests.serve.studio.made import PROMPT, all_of, live, tab
from tests.tiny.glm_pipe import GRID, PREVIEW, glm_pipe
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe
from tests.tiny.verifiers import latent_verifier, random_verifier, retrain


@pytest.fixture(scope="module")
def pipe() -> ImagePipeline:
    return tiny_pipe()


@pytest.fixture(scope="module")
def output(pipe: ImagePipeline) -> ImageOutput:
    return pipe(PROMPT, strategy=USUAL["strategy"], seed=5, num_images_per_prompt=2)


@pytest.fixture(scope="module")
def service(pipe: ImagePipeline) -> Iterator[LiveService]:
    with live(pipe) as running:
        yield running


@pytest.fixture
def replay(service: LiveService) -> Replay:
    made: Replay = tab(Replay, service, Limits())
    return made


def trace_of(output: ImageOutput) -> dict[str, Any]:
    return json.loads(json.dumps(run_dict(output, steps=True)))


@pytest.mark.parametrize("make", [tiny_pipe, infinity_pipe, glm_pipe])
def test_a_trace_is_the_run_again(make: Any) -> None:
    pipe = make()
    output = pipe(PROMPT, strategy="random-of-n", num_trajectories=2, seed=3)
    (result,) = read_trace(json.dumps(trace_of(output)), pipe, "trace.json")
    assert (result.prompt, result.seed, result.chosen) == (PROMPT, 3, output.results[0].chosen)
    for read, drawn in zip(result.candidates, output.candidates[0], strict=True):
        assert read.codes.tolist() == drawn.codes.tolist()
        assert (read.fate, read.drawn, read.parent, read.born) == (drawn.fate, drawn.drawn, drawn.parent, drawn.born)
        np.testing.assert_allclose(read.trace["C"], drawn.trace["C"], rtol=1e-5)
        assert pipe.preview(read).tobytes() == pipe.preview(drawn).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "no json",
        '{"weights": {}, "images": []}',
        '{"weights": {}, "images": [{"prompt": "a"}]}',
        "[" * 9999,
    ],
)
def test_what_is_no_trace(pipe: ImagePipeline, text: str) -> None:
    with pytest.raises(OutputError, match=r"x\.json is no trace; open the trace\.json of"):
        read_trace(text, pipe, "x.json")


@pytest.mark.parametrize(
    "candidate",
    [
        {"codes": [0] * 15},
        {"codes": [0] * 17},
        {"codes": [16] * 16},
        {"codes": [[0]] * 16},
        {"index": 1},
        {"drawn": 17},
        {"trace": {}},
        {"trace": {"C": [0.5] * 17}},
        {"cut": {"step": 3, "reason": "weak"}},
    ],
)
def test_a_trace_of_parts_that_do_not_fit(pipe: ImagePipeline, candidate: dict[str, Any]) -> None:
    trace = trace_of(pipe(PROMPT, strategy="random-of-n", num_trajectories=2, seed=3))
    trace["images"][0]["candidates"][0] |= candidate
    with pytest.raises(OutputError, match=r"x\.json is damaged"):
        read_trace(json.dumps(trace), pipe, "x.json")


def test_a_trace_of_other_weights(pipe: ImagePipeline, output: ImageOutput) -> None:
    trace = trace_of(output) | {"weights": {"model": "0" * 64}}
    with pytest.raises(OutputError, match=r"x\.json was made with other weights than the model that is served"):
        read_trace(json.dumps(trace), pipe, "x.json")


def test_moving_through_the_steps(replay: Replay, output: ImageOutput, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(trace_of(output)))
    said, word, image, step, _ = asyncio.run(all_of(replay.opened_file(str(file))))[-1]
    assert "trace.json: a red cat" in said
    assert len(image["choices"]) == 2
    assert (step["maximum"], step["label"], image["visible"]) == (16, "Step", True)

    async def boards() -> list[str]:
        return [await replay.board_at(word, 1, step) for step in (3, 9, 16)]

    early, middle, end = asyncio.run(boards())
    cuts = [one.cut.step for one in output.candidates[1] if one.cut is not None]
    for page, at in ((early, 3), (middle, 9), (end, 16)):
        assert f"step <b>{at}</b> of 16" in page
        assert page.count('class="studio-tile cut"') == sum(cut <= at for cut in cuts)
    assert ("chosen" in early, "studio-tile chosen" in end) == (False, True)
    assert 'class="entropy"' in early
    assert asyncio.run(replay.moved(word, 7, 3))[0].startswith('<p class="studio-alert"'), "no such image"


def test_a_picture_at_a_time_until_the_visitor_leaves(replay: Replay, output: ImageOutput) -> None:
    """Others' steps come between any two pictures, and none is made for who has gone."""
    word = replay.shelf.put(read_trace(json.dumps(trace_of(output)), replay.service.ready_offer().pipe, "x"))
    errands: list[Future[Any]] = []

    def between_steps(work: Any) -> Future[Any]:
        errand: Future[Any] = Future()
        if not errands:
            errand.set_result(work())
        errands.append(errand)
        return errand

    async def leave() -> None:
        looking = asyncio.create_task(replay.board_at(word, 0, 16))
        while len(errands) < 2:
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    offer = replay.service.ready_offer()
    replay.service = cast("LiveService", SimpleNamespace(between_steps=between_steps, ready_offer=lambda: offer))
    asyncio.run(asyncio.wait_for(leave(), 30))
    assert len(output.candidates[0]) > 2
    assert len(errands) == 2
    assert errands[1].cancelled()


def test_a_trace_of_more_trajectories_than_are_taken(service: LiveService, output: ImageOutput, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(trace_of(output)))
    small = tab(Replay, service, Limits(max_rows=2))
    said = asyncio.run(all_of(small.opened_file(str(file))))[-1][0]
    assert re.search(r"an image of trace\.json began \d+ trajectories; this server takes at most 2\.", said)


def test_scales_are_shown_one_by_one() -> None:
    pipe = infinity_pipe()
    output = pipe(PROMPT, strategy="random-of-n", num_trajectories=2, seed=3)
    with live(pipe, {"strategy": "random-of-n"}) as service:
        replay = tab(Replay, service, Limits())
        word = replay.shelf.put(read_trace(json.dumps(trace_of(output)), pipe, "x"))
        page = asyncio.run(replay.board_at(word, 0, 3))
    height, width = pipe.grids[2]
    assert f"scale <b>3</b> of {len(pipe.grids)} ({height} × {width})" in page
    assert 'class="entropy"' not in page, "a scale has one entropy"


def test_a_preview_is_shown_code_by_code() -> None:
    """At the preview's end, at its next code, and at the end of the image; most of an entropy is the grid's."""
    pipe = glm_pipe()
    strategy = {"name": "preview-then-finish", "num_trajectories": 2, "reward": "log-likelihood"}
    output = pipe(PROMPT, strategy=strategy, seed=3)
    with live(pipe, {"strategy": "random-of-n"}) as service:
        replay = tab(Replay, service, Limits())
        word = replay.shelf.put(read_trace(json.dumps(trace_of(output)), pipe, "x"))
        first = PREVIEW[0] * PREVIEW[1]
        total = first + GRID[0] * GRID[1]
        for at in (first - 1, first, first + 1, total):
            page = asyncio.run(replay.board_at(word, 0, at))
            assert f"step <b>{at}</b> of {total}" in page
            assert page.count('class="entropy"') == 2
        assert page.count('class="studio-tile cut"') == 1


def test_a_picture_is_drawn_again(replay: Replay, output: ImageOutput, tmp_path: Path) -> None:
    output.images[1].save(tmp_path / "image.png")
    said, word, *_ = asyncio.run(all_of(replay.opened_file(str(tmp_path / "image.png"))))[-1]
    assert "image.png: a red cat" in said
    (result,) = replay.shelf.get(word)
    assert (result.seed, result.chosen) == (6, output.results[1].chosen)
    assert [one.codes.tolist() for one in result.candidates] == [one.codes.tolist() for one in output.candidates[1]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.png", b"no picture", "x.png is no PNG"),
        ("x.json", b"\xff\xfe", "cannot read x.json: it is no UTF-8 text but UTF-16"),
        ("x.json", b"{}", "x.json is no trace"),
    ],
)
def test_files_that_are_nothing(replay: Replay, tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    said = asyncio.run(all_of(replay.opened_file(str(tmp_path / name))))[-1][0]
    assert message in said
    assert str(tmp_path) not in said, "where the upload is lies with the server"


def test_a_picture_names_no_files_and_no_other_noise(pipe: ImagePipeline, tmp_path: Path) -> None:
    offer = tiny_offer(pipe)
    output = pipe(PROMPT, strategy="single", noise="device")
    output.images[0].save(tmp_path / "other.png")
    with pytest.raises(ConfigError, match="drawn with noise of the device, and here it is the host's"):
        picture_request(tmp_path / "other.png", offer)
    info = output.infos[0]
    best = pipe(PROMPT, strategy="best-of-n", num_trajectories=1).infos[0].recipe
    weighed = best.model_copy(update={"strategy": best.strategy.model_copy(update={"reward": "image-reward:/etc"})})
    Picture.of(output.pictures[0], info.model_copy(update={"recipe": weighed})).save(tmp_path / "file.png")
    with pytest.raises(ApiError, match="names no file"):
        offer.recipe(picture_request(tmp_path / "file.png", offer))


def test_a_picture_chosen_by_a_verifier_that_was_trained_again_is_refused(tmp_path: Path) -> None:
    latent_verifier(4, 16).save(tmp_path / "verifier")
    pipe = dataclasses.replace(tiny_pipe(), own_verifier=str(tmp_path / "verifier"))
    strategy = BestOfN(num_trajectories=2, reward="verifier")
    offer, picture = tiny_offer(pipe, {**USUAL, "strategy": strategy}), tmp_path / "picture.png"
    pipe(PROMPT, strategy=strategy).images[0].save(picture)
    assert picture_request(picture, offer).prompt == PROMPT
    retrain(tmp_path / "verifier")
    with pytest.raises(WeightsError, match="was made with another verifier"):
        picture_request(picture, offer)


def test_a_picture_of_a_verifier_that_was_trained_again_is_refused(pipe: ImagePipeline, tmp_path: Path) -> None:
    folder = tmp_path / "verifier"
    random_verifier(32, 16).save(folder)
    strategy = VerifierOfN(num_trajectories=2, verifier=str(folder))
    offer, picture = tiny_offer(pipe, {**USUAL, "strategy": strategy}), tmp_path / "picture.png"
    pipe(PROMPT, strategy=strategy).images[0].save(picture)
    assert picture_request(picture, offer).prompt == PROMPT
    retrain(folder)
    with pytest.raises(WeightsError, match="was made with another verifier"):
        picture_request(picture, offer)


def test_the_shelf_keeps_the_last_ones() -> None:
    shelf = Shelf(most=2)
    first, second = shelf.put([]), shelf.put([])
    shelf.get(first)
    shelf.put([])
    assert shelf.get(first) == []
    with pytest.raises(ScalingarError, match="the file is not open any more; open it again"):
        shelf.get(second)
