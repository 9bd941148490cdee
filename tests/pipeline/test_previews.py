"""What a stream shows of trajectories on their way, and that looking changes nothing but the count of pictures."""

import numpy as np
import pytest
import torch

from scalingar.core.errors import DecodingError
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import scale_pipes
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.fixture(params=["next-token", "next-scale"])
def pipe(request: pytest.FixtureRequest) -> ImagePipeline:
    return tiny_pipe() if request.param == "next-token" else scale_pipes.var_pipe()


def test_codes_grow_to_those_of_the_result(pipe: ImagePipeline) -> None:
    prompt = PROMPT if pipe.decoding == "next-token" else 3
    strategy = "scaling-ar" if pipe.decoding == "next-token" else "random-of-n"
    plain = pipe(prompt, strategy=strategy, num_trajectories=3, seed=7)
    stream = pipe.stream(prompt, strategy=strategy, num_trajectories=3, seed=7)
    seen, pictures = [], 0
    for event in stream:
        seen.append(event.candidates)
        if event.position == 1:
            for candidate in event.candidates:
                picture = event.picture(candidate)
                assert np.array_equal(np.asarray(picture), np.asarray(pipe.picture(candidate.codes)))
                pictures += 1
    output = stream.output
    assert [image.tobytes() for image in output.images] == [image.tobytes() for image in plain.images]
    assert output.ledger.decodes == plain.ledger.decodes + pictures
    grids = pipe.grids
    for step, candidates in enumerate(seen):
        tokens = sum(h * w for h, w in grids[: step + 1]) if len(grids) > 1 else step + 1
        for candidate in candidates:
            final = output.candidates[0][candidate.index]
            assert torch.equal(candidate.codes, final.codes[: len(candidate.codes)])
            assert len(candidate.codes) == (tokens if candidate.finished else len(final.codes))
    assert all(candidate.image is not None for candidate in seen[1])
    assert all(candidate.image is None for candidate in seen[0])


def test_a_step_that_is_over_shows_nothing() -> None:
    stream = iter(tiny_pipe().stream(PROMPT, strategy="random-of-n", num_trajectories=2))
    first = next(stream)
    next(stream)
    with pytest.raises(DecodingError, match="step 0 is over; ask for the candidates of an event before the next one"):
        first.candidates  # noqa: B018


def test_copies_say_whose_they_are() -> None:
    pipe = tiny_pipe()
    settings = {"name": "particles", "num_trajectories": 4, "ess_share": 1.0, "temperature_inverse": 40.0}
    parents = {
        candidate.index: (candidate.parent, candidate.born, candidate.inherited)
        for event in pipe.stream(PROMPT, strategy=settings, seed=3)
        for candidate in event.candidates
        if candidate.parent is not None
    }
    final = pipe(PROMPT, strategy=settings, seed=3).candidates[0]
    assert parents
    assert parents == {one.index: (one.parent, one.born, one.inherited) for one in final if one.parent is not None}
