"""The next-scale model that comes with the package: TTS-VAR end to end on its weights."""

import pytest

from scalingar import ImagePipeline
from scalingar.strategies import TTSVar


@pytest.fixture(scope="module")
def pipe() -> ImagePipeline:
    return ImagePipeline.from_pretrained("embedded-next-scale")


def test_tts_var_runs_with_the_embedded_reward_and_features(pipe: ImagePipeline) -> None:
    strategy = TTSVar(reward="embedded", feature="embedded", temperature_inverse=1.0)
    output = pipe("a photo of a dog", strategy=strategy, seed=0)
    assert output.images[0].size == (96, 96)
    assert output.ledger.decodes == 21, "two clusterings, two resamplings, the last image"
    sides = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12)
    live = strategy.plan(len(sides)).schedule.live
    assert output.ledger.tokens == sum(rows * side**2 for rows, side in zip(live, sides, strict=True))


def test_the_prompt_shows(pipe: ImagePipeline) -> None:
    """A prompt is likelier than none under the codes drawn for it."""
    candidates = pipe("a photo of two bananas", strategy="most-confident-of-n", num_trajectories=4, seed=0).candidates[
        0
    ]
    assert all(candidate.signals["pmi"] > 0 for candidate in candidates)
