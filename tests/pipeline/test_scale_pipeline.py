"""The pipeline around next-scale models of both kinds, with every strategy of their family."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, PromptError
from scalingar.core.pixels import rounded
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import STRATEGIES, TTSVar
from scalingar.strategies.build_strategy import build_strategy
from tests.tiny.scale_pipes import PIPES, PROMPTS
from tests.tiny.verifiers import with_verifier

NAMES = [name for name in STRATEGIES if "next-scale" in STRATEGIES[name].serves]
STARTS = ("lookahead", "scale-beam")
"""They go on from prefixes, with the noise of other trajectories."""
KINDS = sorted(PIPES)


@pytest.fixture(scope="module", params=KINDS)
def pipe(request: pytest.FixtureRequest) -> ImagePipeline:
    return PIPES[request.param]()


def settings(pipe: ImagePipeline, name: str) -> dict[str, Any]:
    return with_verifier(name, 16 if pipe.name == "tiny VAR" else 32, len(pipe.grids))


def tokens(pipe: ImagePipeline) -> int:
    return sum(height * width for height, width in pipe.grids)


@pytest.mark.parametrize("name", NAMES)
def test_hands_out_a_finished_image_and_counts_its_costs(pipe: ImagePipeline, name: str) -> None:
    output = pipe(PROMPTS[0], strategy=settings(pipe, name), seed=3)
    result, ledger = output.results[0], output.ledger
    assert result.best.finished
    assert result.best.image is not None
    assert output.images[0].tobytes() == result.best.image.tobytes()
    assert [candidate.index for candidate in result.candidates] == list(range(len(result.candidates)))
    assert {one.tokens for one in result.candidates if one.finished} == {tokens(pipe)}
    ends = np.cumsum([0, *(height * width for height, width in pipe.grids)])
    assert [one.inherited for one in result.candidates] == [ends[one.born] for one in result.candidates]
    assert ledger.tokens == sum(one.drawn for one in result.candidates)
    first = len([one for one in result.candidates if one.parent is None])
    undrawn = [one.cut.step for one in result.candidates if one.cut is not None] if name == "verifier-halving" else []
    # Density draws a scale many times from the same logits, in copies that are made before the draw.
    shared = [one.born for one in result.candidates if one.parent is not None] if name == "density" else []
    fed = ledger.tokens - first + sum(ends[step + 1] - ends[step] for step in undrawn)
    assert ledger.forward_rows == 2 * (fed - sum(ends[step + 1] - ends[step] for step in shared))
    assert ledger.prefill_rows == 2


@pytest.mark.parametrize("name", NAMES)
def test_permuting_prompts_permutes_images(pipe: ImagePipeline, name: str) -> None:
    forward = pipe(PROMPTS, strategy=settings(pipe, name), seed=4, output_type="codes").images
    backward = pipe(PROMPTS[::-1], strategy=settings(pipe, name), seed=4, output_type="codes").images
    assert all(torch.equal(a, b) for a, b in zip(forward, backward[::-1], strict=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tts-var", *STARTS)])
def test_one_trajectory_is_the_single_strategy(pipe: ImagePipeline, name: str) -> None:
    one = pipe(PROMPTS[0], strategy=settings(pipe, name), num_trajectories=1, seed=5, output_type="codes").images[0]
    assert torch.equal(one, pipe(PROMPTS[0], strategy="single", seed=5, output_type="codes").images[0])


def test_tts_var_is_the_default_and_starts_eight_for_one(pipe: ImagePipeline) -> None:
    result = pipe(PROMPTS[0], seed=1).results[0]
    assert len([one for one in result.candidates if one.parent is None]) == 8
    assert len([one for one in result.candidates if one.finished]) == 1
    assert build_strategy("tts-var").num_trajectories == 1


def test_fewer_rows_at_once_change_no_image(pipe: ImagePipeline) -> None:
    together = pipe(PROMPTS, seed=2, output_type="codes")
    apart = pipe(PROMPTS, seed=2, output_type="codes", max_rows=8)
    assert all(torch.equal(a, b) for a, b in zip(together.images, apart.images, strict=True))
    assert apart.ledger.peak_bytes < together.ledger.peak_bytes


def test_output_types_agree(pipe: ImagePipeline) -> None:
    pil, array, tensor, codes = (
        pipe(PROMPTS[0], output_type=kind, seed=1).images[0] for kind in ("pil", "np", "pt", "codes")
    )
    np.testing.assert_allclose(array, tensor.permute(1, 2, 0).numpy())
    assert codes.shape == (tokens(pipe), pipe.decoder().groups)
    assert pil.tobytes() == rounded(tensor * 2 - 1).tobytes() == rounded(pipe.decode(codes[None])[0]).tobytes()


def test_stream_and_callback_see_every_scale(pipe: ImagePipeline) -> None:
    seen: list[tuple[int, int, int]] = []

    def callback(_: ImagePipeline, step: int, total: int, values: dict[str, Any]) -> None:
        assert len(values["C"]) == len(values["indices"])
        seen.append((step, total, len(values["indices"])))

    output = pipe(PROMPTS[0], callback_on_step_end=callback)
    scales = len(pipe.grids)
    live = TTSVar().plan(scales).schedule.live
    assert seen == [(scale, scales, live[scale]) for scale in range(scales)]
    stream = pipe.stream(PROMPTS[0])
    assert next(iter(stream)).position == 0
    assert len(list(stream)) == scales - 1
    assert stream.output.images[0].tobytes() == output.images[0].tobytes()


def test_a_picture_grows_scale_by_scale(pipe: ImagePipeline) -> None:
    result = pipe(PROMPTS[0], seed=6).results[0]
    stages = pipe.progress(result.best)
    assert len(stages) == len(pipe.grids)
    assert stages[-1].tobytes() == pipe.preview(result.best).tobytes()
    assert stages[0].size == stages[-1].size
    cut = next(one for one in result.candidates if not one.finished)
    assert cut.cut is not None
    assert pipe.progress(cut)[-1].tobytes() == pipe.preview(cut).tobytes()
    assert len(pipe.progress(cut)) == cut.cut.step


def test_the_other_familys_strategy_is_refused(pipe: ImagePipeline) -> None:
    with pytest.raises(ConfigError, match=r"scaling-ar is for next-token models, and this model is next-scale"):
        pipe(PROMPTS[0], strategy="scaling-ar")
    with pytest.raises(ConfigError, match="max_rows is 2; one image alone needs 16"):
        pipe(PROMPTS[0], num_trajectories=2, max_rows=2)


def test_prompts_that_cannot_be_read_are_one_sentence() -> None:
    with pytest.raises(PromptError, match="'a dog' is no class label; give a number from 0 to 4"):
        PIPES["var"]()("a dog")
