"""Speculative rejection: half of the trajectories end whenever the tokens held fill the memory."""

import pytest

from scalingar.strategies import SpeculativeRejection
from tests.strategies.rivals.by_hand import RASTER, SCALES, step
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({"num_trajectories": 8}, {4: 4, 8: 2}),  # 8 x 4 = 4 x 8 = 32 of 8 x 16 codes; 2 x 16 is the image's end
        ({"num_trajectories": 8, "memory": 0.125}, {2: 4, 4: 2, 8: 1}),
        ({"num_trajectories": 8, "memory": 1.0}, {}),
        ({"num_trajectories": 4, "rejected": 0.25}, {4: 3, 6: 2, 8: 1}),  # 16 codes: 4 x 4, 3 x 6 > 16, 2 x 8
        ({"num_trajectories": 1}, {}),
    ],
)
def test_when_the_memory_is_full(settings: dict[str, float], counts: dict[int, int]) -> None:
    assert SpeculativeRejection.model_validate(settings).counts(RASTER) == counts


def test_memory_of_scales_is_counted_in_tokens() -> None:
    """Scales of 1, 4 and 9: after two of them 4 x 5 of 4 x 14 tokens are held, above a quarter and below a half."""
    assert SpeculativeRejection(num_trajectories=4).counts(SCALES) == {2: 2}
    assert SpeculativeRejection(num_trajectories=4, memory=0.5).counts(SCALES) == {}


def test_the_worst_half_ends() -> None:
    search = SpeculativeRejection(num_trajectories=4).search(RASTER)
    assert search.before_draw(step(3, [2, 1, 4, 3])) is None
    decision = search.before_draw(step(4, [2, 1, 4, 3]))
    assert decision is not None
    assert decision.rows.tolist() == [2, 3]
    assert decision.reasons == ["rejected by its reward", "rejected by its reward", None, None]


def test_twice_as_many_cost_as_half_of_them() -> None:
    """8 x 4 + 4 x 4 + 2 x 8 = 64 codes: as many as Best-of-4 draws."""
    ledger = tiny_pipe()(PROMPT, strategy=SpeculativeRejection(num_trajectories=8, reward="log-likelihood")).ledger
    assert ledger.tokens == 64
