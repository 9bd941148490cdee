"""What every registered strategy must hold to on next-scale models, and what the engine counts."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.rewards.features import PixelFeature
from scalingar.rewards.intrinsic import IntrinsicReward
from scalingar.strategies import STRATEGIES, BestOfN, ScalingAR, Single, Strategy, TTSVar
from tests.tiny import scales as tiny

NAMES = [
    name for name in STRATEGIES if "next-scale" in STRATEGIES[name].serves and not STRATEGIES[name]().needs().verified
]
"""Without those of verifiers: the tiny model has none."""

BEGINS_AGAIN = ("stop-when-good", "allocate", "lookahead", "scale-beam")
DEPENDS_ON_N = (
    "tts-var",
    "beam",
    "density",
    "lookahead",
    "preview-then-finish",
    "scale-beam",
    "speculative-rejection",
)
"""What goes on after a check is another for another N."""


def made(name: str, **settings: Any) -> Strategy:
    return STRATEGIES[name](**settings)


def run(strategy: Strategy, *prompts: str, **options: Any) -> tiny.Watched:
    return tiny.run(strategy, prompts or (tiny.PROMPT,), **{"feature": PixelFeature(4), **options})


def codes(engine: tiny.Watched) -> list[torch.Tensor]:
    return [result.best.codes for result in engine.results]


@pytest.mark.parametrize("name", NAMES)
def test_hands_out_a_finished_candidate_and_keeps_all(name: str) -> None:
    strategy = made(name)
    engine = run(strategy)
    result = engine.results[0]
    assert [candidate.index for candidate in result.candidates] == list(range(len(result.candidates)))
    assert result.best.finished
    assert result.best.image is not None
    assert result.best.image.size == (16, 16)
    for candidate in result.candidates:
        scales = 7 if candidate.cut is None else candidate.cut.step
        assert candidate.tokens == sum(side * side for side in tiny.SIDES[:scales])
        assert all(len(values) == scales for values in candidate.trace.values())
        assert np.isfinite(list(candidate.signals.values())).all()


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_image_other_seed_other_codes(name: str) -> None:
    first, again, other = (codes(run(made(name), seed=seed))[0] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tts-var", "lookahead", "scale-beam")])
def test_one_trajectory_is_the_single_strategy(name: str) -> None:
    assert torch.equal(codes(run(made(name, num_trajectories=1)))[0], codes(run(Single()))[0])


@pytest.mark.parametrize("name", [name for name in NAMES if not STRATEGIES[name].together])
@pytest.mark.parametrize("max_rows", [None, 1])
def test_prompts_do_not_feel_each_other(name: str, max_rows: int | None) -> None:
    together = codes(run(made(name), "one", "two", "three", max_rows=max_rows))
    for place, prompt in enumerate(("one", "two", "three")):
        assert torch.equal(together[place], codes(run(made(name), prompt, seed=place))[0])


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*BEGINS_AGAIN, "density")])
def test_ledger_adds_up(name: str) -> None:
    model = tiny.TinyScales()
    engine = run(made(name), decoder=tiny.decoder(model))
    live = [rows // 2 for rows in model.seen]
    live[0] = len(engine.events[0].indices)
    tokens = [rows * side * side for rows, side in zip(live, tiny.SIDES, strict=True)]
    assert engine.ledger.tokens == sum(tokens)
    assert engine.ledger.forward_rows == 2 * sum(tokens[1:])
    assert engine.ledger.prefill_rows == 2
    assert engine.ledger.decodes == engine.decoder.tokenizer.decoded  # type: ignore[attr-defined]
    assert engine.ledger.peak_bytes > 0
    assert {"prefill", "transformer", "sampling", "policy", "decode"} <= set(engine.ledger.seconds)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("single", *DEPENDS_ON_N)])
def test_fewer_trajectories_are_the_first_of_more(name: str) -> None:
    eight, four = (tiny.candidates(run(made(name, num_trajectories=n))) for n in (8, 4))
    for few, many in zip(four, eight, strict=False):
        assert torch.equal(few.codes, many.codes)
        assert few.signals["pmi"] == pytest.approx(many.signals["pmi"], rel=1e-4)


def test_events_tell_the_scales() -> None:
    events = run(Single(), "one", "two").events
    assert [(event.position, event.prompt) for event in events] == [(k, p) for k in range(7) for p in (0, 1)]
    assert events[0].total_steps == 7
    assert set(events[0].values) == {"entropy", "margin", "deepconf", "K", "C", "log_p", "log_p_null"}


@pytest.mark.parametrize(("reward", "decodes", "calls"), [(None, 5, 5), (IntrinsicReward("confidence"), 1, 0)])
def test_images_are_decoded_where_somebody_looks(reward: Any, decodes: int, calls: int) -> None:
    options = {} if reward is None else {"reward": reward}
    ledger = run(BestOfN(num_trajectories=5), **options).ledger
    assert (ledger.decodes, ledger.reward_calls, ledger.feature_calls) == (decodes, calls, 0)


def test_a_broken_row_is_cut_and_the_others_do_not_notice() -> None:
    model = tiny.TinyScales(broken=(3, slice(1, 2)))
    whole = tiny.candidates(run(BestOfN(num_trajectories=3)))
    found = tiny.candidates(run(BestOfN(num_trajectories=3), decoder=tiny.decoder(model)))
    assert found[1].cut is not None
    assert (found[1].cut.step, found[1].cut.reason, found[1].tokens) == (3, "not a number", 14)
    for place in (0, 2):
        assert torch.equal(found[place].codes, whole[place].codes)


def test_all_rows_broken() -> None:
    model = tiny.TinyScales(broken=(2, slice(None)))
    with pytest.raises(DecodingError, match="no trajectory of 'three' is left at scale 2"):
        run(BestOfN(), decoder=tiny.decoder(model))


def test_strategies_of_the_other_family_are_refused() -> None:
    with pytest.raises(ConfigError, match="scaling-ar is for next-token models, and this model is next-scale"):
        run(ScalingAR())
    assert TTSVar.serves == ("next-scale",)


def test_what_was_not_given() -> None:
    with pytest.raises(ConfigError, match="needs a reward, and none is set"):
        run(BestOfN(), reward=None)
    with pytest.raises(ConfigError, match="needs an image feature, and none is set"):
        run(TTSVar(), feature=None)
