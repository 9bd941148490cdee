"""Watch and Compare draw in the server's live batch, and what they show is what ``generate`` draws."""

import asyncio
import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scalingar.pipeline.png import KEY
from scalingar.serve.errors import ApiError
from scalingar.serve.limits import Limits
from scalingar.serve.service import LiveService
from scalingar.serve.studio.drawing import drawing
from scalingar.serve.studio.fields import request
from scalingar.serve.studio.tabs.compare import Compare, requests
from scalingar.serve.studio.tabs.watch import Watch
from tests.serve.running import USUAL
from tests.serve.studio.made import PROMPT, all_of, live, tab
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import var_pipe

LINES = "strategy.gate.quantile=0.4\nstrategy.gate.warmup_fraction=0.1"


@pytest.fixture(scope="module")
def service() -> Iterator[LiveService]:
    with live() as running:
        yield running


def file(page: str, name: str) -> bytes:
    found = re.search(rf'download="{re.escape(name)}" href="data:[^,]*,([^"]*)"', page)
    assert found is not None
    return base64.b64decode(found[1])


def test_the_picture_is_that_of_generate(service: LiveService) -> None:
    watch = tab(Watch, service, Limits())
    shown = asyncio.run(all_of(watch.drawn(PROMPT, "scaling-ar", LINES, 4, 5)))
    said, page = shown[-1]
    alone = tiny_pipe()(PROMPT, strategy=USUAL["strategy"], seed=5)
    with Image.open(io.BytesIO(file(page, "image.png"))) as picture:
        assert picture.tobytes() == alone.images[0].tobytes()
        assert KEY in picture.info
    assert f"trajectory {alone.results[0].chosen} is handed out" in said
    assert f'<b class="drawn">{alone.ledger.tokens}</b>' in page
    assert f'<b class="saved">{alone.full_tokens - alone.ledger.tokens}</b>' in page
    assert page.count('class="studio-tile cut"') == sum(not one.finished for one in alone.candidates[0])
    assert page.count('class="studio-tile chosen"') == 1
    assert "confidence below threshold" in page
    assert "confidence C, threshold θ" in page
    assert "guidance scale s" in page
    assert b"seed: 5" in file(page, "recipe.yaml")
    assert file(page, "sheet.png").startswith(b"\x89PNG")


def test_what_says_nothing_without_guidance_is_told_on_the_page(service: LiveService) -> None:
    lines = f"{LINES}\nguidance_scale=1"
    watch = tab(Watch, service, Limits())
    said = asyncio.run(all_of(watch.drawn(PROMPT, "scaling-ar", lines, 4, 5)))[-1][0]
    assert re.search(r'<ul class="studio-notes" aria-label="notes"><li>[^<]*guidance[^<]*</li></ul>', said)
    assert "studio-notes" not in asyncio.run(all_of(watch.drawn(PROMPT, "scaling-ar", LINES, 4, 5)))[-1][0]
    compare = tab(Compare, service, Limits())
    fields = ("scaling-ar", lines, "single", "", None, "")
    *_, (_, page) = asyncio.run(all_of(compare.drawn(PROMPT, 4, 5, *fields)))
    assert page.count("studio-notes") == 1


def test_frames_come_at_every_step_of_a_small_image(service: LiveService) -> None:
    asked = request(PROMPT, "scaling-ar", LINES, 4, 5)
    *frames, last = asyncio.run(all_of(drawing(service, Limits(), asked)))
    assert [frame.position for frame in frames] == list(range(1, 16))
    assert all(one.image is not None for frame in frames for one in frame.candidates)
    result = last.output.results[0]
    for frame in frames:
        for one, done in zip(frame.candidates, result.candidates, strict=True):
            assert one.codes.tolist() == done.codes[: len(one.codes)].tolist()
            np.testing.assert_array_equal(one.trace["C"], done.trace["C"][: len(one.trace["C"])])


def test_watching_moves_no_bit_of_a_next_scale_image() -> None:
    pipe, settings = var_pipe(), {"name": "tts-var", "num_trajectories": 1, "reward": "confidence"}
    with live(pipe, {"strategy": "random-of-n"}) as service:
        asked = request("3", "tts-var", "strategy.reward=confidence", 1, 2)
        *frames, last = asyncio.run(all_of(drawing(service, Limits(), asked)))
    alone = pipe("3", strategy=settings, seed=2)
    assert last.output.images[0].tobytes() == alone.images[0].tobytes()
    assert [one.fate for one in last.output.candidates[0]] == [one.fate for one in alone.candidates[0]]
    assert len(frames) == 6, "after each scale but the last"
    counts = [len(frame.candidates) for frame in frames]
    assert counts == sorted(counts), "copies join"


def test_a_visitor_who_leaves_frees_the_rows(service: LiveService) -> None:
    async def leave() -> int:
        coming = drawing(service, Limits(), request(PROMPT, "best-of-n", "", 4, 1))
        await anext(coming)
        await coming.aclose()
        return await asyncio.wrap_future(
            service.between_steps(lambda: sum(lane.engine.live_rows for lane in service.lanes.values()))
        )

    assert asyncio.run(leave()) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (("", "single", "", 1, 0), "the prompt is empty"),
        (("a cat", "best-of-n", "", 10, 0), "num_trajectories is 10; this server takes at most 9."),
        (("xyzzy", "single", "", 1, 0), "no word of &#x27;xyzzy&#x27; is known to the embedded model"),
    ],
)
def test_an_error_is_a_sentence(service: LiveService, fields: Any, message: str) -> None:
    shown = asyncio.run(all_of(tab(Watch, service, Limits()).drawn(*fields)))
    assert message in shown[-1][0]
    assert 'role="alert"' in shown[-1][0]


def test_too_long_is_a_sentence_too(service: LiveService) -> None:
    watch = tab(Watch, service, Limits(max_seconds=1e-6))
    said, _ = asyncio.run(all_of(watch.drawn(PROMPT, "single", "", 1, 0)))[-1]
    assert "longer than this server allows" in said


def test_whatever_is_in_a_prompt_is_shown_as_text(service: LiveService) -> None:
    shown = asyncio.run(all_of(tab(Watch, service, Limits()).drawn('a "cat" <b onclick=x>', "single", "", 1, 0)))
    assert "<b onclick" not in shown[-1][1]
    assert "&lt;b onclick" in shown[-1][1]


def test_two_strategies_on_the_same_noise(service: LiveService) -> None:
    compare = tab(Compare, service, Limits())
    shown = asyncio.run(all_of(compare.drawn(PROMPT, 3, 5, "best-of-n", "", "single", "", None, "")))
    said, page = shown[-1]
    assert "2 strategies on the noise of seed 5" in said
    assert page.count("<section") == 2
    assert "<b>48</b> tokens of 48" in page
    assert "<b>16</b> tokens of 16" in page
    pictures = re.findall(r'alt="trajectory 0, [a-z]*" src="([^"]*)"', page)
    assert len(pictures) == 2
    assert pictures[0] == pictures[1], "trajectory 0 of both"


def test_a_comparison_takes_two(service: LiveService) -> None:
    with pytest.raises(ApiError, match="1 strategies cannot be compared; choose two or three"):
        requests(PROMPT, 2, 0, [("single", ""), (None, ""), ("", "")])
    seeds = [asked.seed for asked in requests(PROMPT, 2, None, [("single", ""), ("best-of-n", "")])]
    assert seeds[0] == seeds[1], "drawn once"


def test_a_mistake_in_the_last_is_told_before_anything_is_drawn(service: LiveService) -> None:
    compare = tab(Compare, service, Limits())
    shown = asyncio.run(all_of(compare.drawn(PROMPT, 3, 5, "best-of-n", "", "single", "strategy.colour=1", None, "")))
    assert len(shown) == 2
    assert "strategy.colour is no setting" in shown[-1][0]
