"""GridAR: rejected strips are replaced by accepted ones of their group of four."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError, ScalingarError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.report.plain import result_dict
from scalingar.strategies import BestOfN, GridAR
from scalingar.strategies.rivals.gridar import replaced
from scalingar.strategies.strategy import check_serves
from tests.strategies.rivals.by_hand import RASTER, Told, step
from tests.tiny.pipes import PROMPT, Broken, tiny_pipe


@pytest.mark.parametrize(
    ("possible", "rows"),
    [
        ([1, 1, 1, 1], [4, 5, 6, 7]),
        ([0, 1, 0, 0], [5, 5, 5, 5]),
        ([0, 1, 0, 1], [5, 5, 7, 7]),
        ([0, 0, 1, 0], [6, 6, 6, 6]),
        ([1, 0, 1, 0], [4, 4, 6, 6]),
        ([0, 0, 0, 0], [4, 5, 6, 7]),
    ],
)
def test_a_group_worked_by_hand(possible: list[int], rows: list[int]) -> None:
    assert replaced(np.arange(4, 8), np.array(possible, bool)).tolist() == rows


def test_a_threshold_judges_each_strip_alone() -> None:
    """Two groups: of 1, -1, -1, 2 the second and third are replaced by 0 and 3; all of the other group are rejected."""
    search = GridAR(num_trajectories=6, threshold=0).search(RASTER)
    decision = search.before_draw(step(4, [1, -1, -1, 2, -5, -6]))
    assert decision is not None
    assert decision.rows.tolist() == [0, 0, 3, 3, 4, 5]
    assert decision.reasons[1:3] == ["its strip was rejected"] * 2


def test_without_a_threshold_the_better_half_of_each_group_is_possible() -> None:
    search = GridAR(num_trajectories=5).search(RASTER)
    assert search.before_draw(step(5, [1, 2, 3, 4, 0])) is None
    decision = search.before_draw(step(8, [1, 2, 3, 4, 0]))
    assert decision is not None
    assert decision.rows.tolist() == [2, 3, 2, 3, 4]


def test_the_better_half_of_three_is_two() -> None:
    """Of 1, 3, 2 the second and third are possible; of four and three the better two of each."""
    decision = GridAR(num_trajectories=3).search(RASTER).before_draw(step(8, [1, 3, 2]))
    assert decision is not None
    assert decision.rows.tolist() == [1, 1, 2]
    decision = GridAR(num_trajectories=7).search(RASTER).before_draw(step(8, [1, 2, 3, 4, 6, 5, 7]))
    assert decision is not None
    assert decision.rows.tolist() == [2, 3, 2, 3, 4, 4, 6]


def test_strips_are_shown_as_asked() -> None:
    looks = Told(lambda one: float(len(one.codes)))
    GridAR(fill="repeat").search(RASTER).before_draw(step(4, codes=[[1, 2, 3, 4]], looks=looks))
    GridAR(fill="grey").search(RASTER).before_draw(step(4, codes=[[1, 2, 3, 4]], looks=looks))
    assert looks.seen == [[1, 2, 3, 4] * 4, [1, 2, 3, 4]]


def test_nothing_is_possible_and_nothing_changes() -> None:
    pipe = tiny_pipe()
    none = pipe(PROMPT, strategy=GridAR(num_trajectories=4, threshold=1e9, reward="log-likelihood"), seed=2)
    best = pipe(PROMPT, strategy=BestOfN(num_trajectories=4, reward="log-likelihood"), seed=2)
    assert none.results[0].chosen == best.results[0].chosen
    assert none.ledger.tokens == best.ledger.tokens


# --- the rewritten prompt ------------------------------------------------------------------------

TWO = "a red apple and a dog"
GUIDED = {"name": "gridar", "num_trajectories": 4, "reward": "log-likelihood", "rewrite": "layout"}


def test_it_guides_from_the_first_check_on() -> None:
    search = GridAR(num_trajectories=2, rewrite="layout").search(RASTER)
    for position in (4, 8):
        decision = search.before_draw(step(position, [1, 2]))
        assert decision is not None
        assert decision.second_scale is not None
        assert decision.second_scale.tolist() == [RASTER.guidance_scale] * 2
    plain = GridAR(num_trajectories=2).search(RASTER).before_draw(step(4, [1, 2]))
    assert plain is not None
    assert plain.second_scale is None


def test_trajectories_are_those_without_it_until_the_first_check_and_cost_half_as_much_again() -> None:
    pipe = tiny_pipe()
    guided = pipe(TWO, strategy=GUIDED, seed=3)
    plain = pipe(TWO, strategy={**GUIDED, "rewrite": None}, seed=3)
    firsts = [[one for one in output.candidates[0] if one.parent is None] for output in (guided, plain)]
    assert all(torch.equal(one.codes[:4], other.codes[:4]) for one, other in zip(*firsts, strict=True))
    assert not all(torch.equal(one.codes, other.codes) for one, other in zip(*firsts, strict=True))
    for candidate in guided.candidates[0]:
        assert candidate.trace["w"].tolist()[: candidate.tokens] == ([0.0] * 4 + [2.0] * 12)[: candidate.tokens]
    assert "w" not in plain.candidates[0][0].trace
    assert guided.ledger.tokens == plain.ledger.tokens
    assert 2 * guided.ledger.forward_rows == 3 * plain.ledger.forward_rows
    assert (guided.ledger.prefill_rows, plain.ledger.prefill_rows) == (4, 2)


def test_a_prompt_that_stays_is_guided_plainly() -> None:
    pipe = tiny_pipe()
    images = [pipe(PROMPT, strategy={**GUIDED, "rewrite": name}, seed=3) for name in ("layout", None)]
    for one, other in zip(*(output.candidates[0] for output in images), strict=True):
        assert torch.equal(one.codes, other.codes)
        np.testing.assert_allclose(one.trace["C"], other.trace["C"], rtol=1e-4, atol=1e-5)


def test_an_image_among_others_is_the_one_drawn_alone() -> None:
    pipe, prompts = tiny_pipe(), ["a dog and a cat", "two cups", "a blue cow and a banana"]
    together = pipe(prompts, strategy=GUIDED, seed=4, max_rows=9)
    for prompt, found in zip(prompts, together.candidates, strict=True):
        for one, other in zip(found, pipe(prompt, strategy=GUIDED, seed=4).candidates[0], strict=True):
            assert torch.equal(one.codes, other.codes)
            assert one.fate == other.fate
            for name, values in other.trace.items():
                np.testing.assert_allclose(one.trace[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_captured_steps_draw_the_same() -> None:
    plain, captured = (tiny_pipe(cuda_graphs=on)(TWO, strategy=GUIDED, seed=5) for on in (False, True))
    for one, other in zip(plain.candidates[0], captured.candidates[0], strict=True):
        assert torch.equal(one.codes, other.codes)
        for name, values in one.trace.items():
            np.testing.assert_allclose(other.trace[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_guidance_interval_ends_both() -> None:
    pipe, sampling = tiny_pipe(), SamplingConfig(guidance_interval=2)
    guided, plain = (
        pipe(TWO, strategy={**GUIDED, "rewrite": name}, sampling=sampling, seed=3).candidates[0]
        for name in ("layout", None)
    )
    assert all(torch.equal(one.codes, other.codes) for one, other in zip(guided, plain, strict=True))


@pytest.mark.parametrize("distribution", ["guided", "conditional"])
@pytest.mark.parametrize("fed", [1, 3, 9])
def test_a_second_prompt_whose_logits_are_no_numbers_is_never_drawn_from(distribution: str, fed: int) -> None:
    """Before its first check, at the check, and after; its rows are those from 8 on."""
    settings = {**GUIDED, "profile": {"distribution": distribution}}
    found = tiny_pipe(Broken(rows=[9], at=fed))(TWO, strategy=settings, seed=3).candidates[0]
    broken = [one.cut for one in found if one.cut is not None and one.cut.reason == "not a number"]
    assert [cut.step for cut in broken] == [fed + 1]
    with pytest.raises(DecodingError, match=f"left at step {fed + 1}: not a number"):
        tiny_pipe(Broken(rows=[8, 9, 10, 11], at=fed))(TWO, strategy=settings, seed=3)


def test_the_second_prompt_stands_in_the_trace() -> None:
    second, plain = (
        result_dict(tiny_pipe()(TWO, strategy={**GUIDED, "rewrite": name}, seed=3).results[0], steps=True)
        for name in ("layout", None)
    )
    assert second["second_prompt"] == "a red apple left of a dog"
    assert "second_prompt" not in plain


@pytest.mark.parametrize(
    ("prompt", "settings", "call", "told"),
    [
        (TWO, {"rewrite": "layot"}, {}, "'layot' is not among the rewriters; did you mean 'layout'?"),
        (
            TWO,
            {"rewrite": "text"},
            {},
            "strategy.rewrite='text': the rewriter text needs the second prompt",
        ),
        (
            TWO,
            {"rewrite": {"text": "a dog"}},
            {},
            "strategy.rewrite: must be words, and ': ' or a ':' at",
        ),
        (TWO, {"checks": []}, {}, "rewrite: layout guides from the first check on, and checks are none"),
        (TWO, {}, {"guidance_scale": 1.0}, "guides with a second prompt"),
        (TWO, {"rewrite": "text:dragons"}, {}, "no word of 'dragons' is known to the embedded model"),
        ("a dragon and a cat", {}, {}, "it does not know 'dragon'"),
    ],
)
def test_what_cannot_be_guided_by_a_second_prompt(
    prompt: str, settings: dict[str, Any], call: dict[str, Any], told: str
) -> None:
    with pytest.raises(ScalingarError) as error:
        tiny_pipe()(prompt, strategy={**GUIDED, **settings}, **call)
    assert told in str(error.value)


def test_scales_have_no_strips() -> None:
    with pytest.raises(ConfigError, match="the strategy gridar is for next-token models, and this model is next-scale"):
        check_serves(GridAR(), "next-scale")
