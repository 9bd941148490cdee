"""Strategies that look with a verifier: what they keep, what they cost, what they tell."""

import re
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.analysis.replay.replay import check_complete
from scalingar.core.errors import ConfigError, DecodingError
from scalingar.core.outputs import Candidate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.profile.rounding import ROUNDING
from scalingar.strategies import Particles, TTSVar, VerifierHalving, VerifierOfN
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Prefix, Search, Start
from scalingar.strategies.setting import Setting
from tests.tiny.glm_pipe import glm_pipe
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe
from tests.tiny.verifiers import folder_of, state_head


def verifier_of(pipe: ImagePipeline) -> str:
    return folder_of(32, 7 if pipe.name == "tiny Infinity" else 16)


def values(candidates: list[Candidate]) -> list[float]:
    return [candidate.signals["verifier"] for candidate in candidates]


@pytest.mark.parametrize("make", [tiny_pipe, infinity_pipe])
def test_of_n_hands_out_the_best_value_and_decodes_no_other(make: Any) -> None:
    pipe = make()
    output = pipe(PROMPT, strategy=VerifierOfN(num_trajectories=5, verifier=verifier_of(pipe)), seed=2)
    result, plain = output.results[0], pipe(PROMPT, strategy="random-of-n", num_trajectories=5, seed=2)
    assert result.chosen == int(np.argmax(values(result.candidates)))
    assert len(set(values(result.candidates))) == 5
    assert (output.ledger.decodes, output.ledger.reward_calls, output.ledger.feature_calls) == (1, 0, 0)
    assert output.ledger.seconds["verifier"] > 0
    for mine, other in zip(result.candidates, plain.candidates[0], strict=True):
        assert torch.equal(mine.codes, other.codes), "reading changes nothing"


@pytest.mark.parametrize("make", [tiny_pipe, infinity_pipe])
def test_halving_keeps_the_best_and_says_what_was_needed(make: Any) -> None:
    pipe = make()
    strategy = VerifierHalving(num_trajectories=6, rounds=((0.5, 2),), verifier=verifier_of(pipe))
    output = pipe(PROMPT, strategy=strategy, seed=2)
    cut = [candidate for candidate in output.candidates[0] if candidate.cut is not None]
    whole = pipe(PROMPT, strategy=VerifierOfN(num_trajectories=6, verifier=verifier_of(pipe)), seed=2)
    assert len(cut) == 4
    assert output.ledger.decodes == 1
    for candidate in cut:
        assert candidate.cut is not None
        told = re.fullmatch(r"verifier (-?[\d.]+), needed (-?[\d.]+)", candidate.cut.reason)
        assert told is not None
        assert float(told[1]) <= float(told[2])
        assert candidate.signals["verifier"] == pytest.approx(float(told[1]), abs=1e-2)
        assert candidate.trace["verifier"][candidate.cut.step] == pytest.approx(candidate.signals["verifier"])
    for kept in output.candidates[0]:
        if kept.finished:
            alone = whole.candidates[0][kept.index].signals["verifier"]
            assert kept.signals["verifier"] == pytest.approx(alone, rel=1e-3)


def test_halving_may_let_a_reward_choose_last() -> None:
    pipe = tiny_pipe()
    strategy = {"name": "verifier-halving", "last": "reward", "verifier": verifier_of(pipe), "rounds": [[0.5, 3]]}
    result = pipe(PROMPT, strategy=strategy, seed=3).results[0]
    finished = [candidate for candidate in result.candidates if candidate.finished]
    assert result.best.rewards["pmi"] == max(candidate.rewards["pmi"] for candidate in finished)


def test_particles_weigh_by_the_verifier_and_copies_have_their_originals_memory() -> None:
    pipe = tiny_pipe()
    strategy = Particles(
        potential="verifier", verifier=verifier_of(pipe), num_trajectories=6, temperature_inverse=3, checks=(0.5,)
    )
    output = pipe(PROMPT, strategy=strategy, seed=5)
    copies = [candidate for candidate in output.candidates[0] if candidate.parent is not None]
    assert copies
    alone = pipe(PROMPT, strategy=VerifierOfN(num_trajectories=6, verifier=verifier_of(pipe)), seed=5).candidates[0]
    for candidate in output.candidates[0]:
        at = candidate.trace["potential"][8]
        root = candidate.index if candidate.parent is None else candidate.parent
        assert at == pytest.approx(output.candidates[0][root].trace["potential"][8])
    originals = [one for one in output.candidates[0] if one.parent is None and one.finished]
    assert values(originals) == pytest.approx([alone[one.index].signals["verifier"] for one in originals], rel=1e-4)
    assert (output.ledger.decodes, output.ledger.reward_calls) == (1, 0)


def test_tts_var_by_values_and_latents_looks_at_no_picture() -> None:
    pytest.importorskip("sklearn")
    pipe = infinity_pipe()
    strategy = TTSVar(scores="verifier", verifier=verifier_of(pipe), feature="latent")
    output = pipe(PROMPT, strategy=strategy, seed=1)
    assert (output.ledger.decodes, output.ledger.reward_calls, output.ledger.feature_calls) == (1, 0, 14)
    finished = [candidate for candidate in output.candidates[0] if candidate.finished]
    assert len(finished) == 1
    weighed = [one.trace["verifier"] for one in output.candidates[0] if "verifier" in one.trace]
    assert any(np.isfinite(column).any() for column in weighed)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (VerifierHalving, {"rounds": ((0.5, 2), (0.25, 4))}, "must ascend between 0 and 1"),
        (VerifierHalving, {"rounds": ((0.25, 2), (0.5, 4))}, "must descend to 1 or more"),
        (VerifierHalving, {"reward": "pmi"}, "nothing asks the reward pmi"),
        (Particles, {"verifier": "somewhere"}, "nothing asks the verifier somewhere"),
        (TTSVar, {"verifier": "somewhere"}, "nothing asks the verifier somewhere"),
        (TTSVar, {"scores": "verifier", "reward": "pmi"}, "nothing asks the reward pmi"),
    ],
)
def test_settings_that_cannot_be(kind: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind.model_validate(settings)


def test_a_value_that_is_no_number_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tiny_pipe()
    verifier = pipe.verifier(verifier_of(pipe))
    with torch.no_grad():
        state_head(verifier).judge[2].bias.fill_(torch.nan)  # type: ignore[operator]
    with pytest.raises(DecodingError, match=r"the verifier's value of .* is not a number"):
        pipe(PROMPT, strategy=VerifierHalving(verifier=verifier_of(pipe)))


def test_a_complete_run_cannot_tell_what_a_verifier_would_have_chosen() -> None:
    with pytest.raises(ConfigError, match="a complete run cannot tell"):
        check_complete(VerifierOfN())


class Continuing(VerifierOfN):
    """Starts a trajectory from a prefix."""

    def search(self, setting: Setting) -> Search:
        return ContinuingSearch(self, setting)

    def needs(self) -> Needs:
        return Needs(verified=True, verifier=self.verifier)


class ContinuingSearch(Search):
    may_start = True
    start = Start(prefixes=(Prefix(0, 4),))

    def when_done(self, finished: Any) -> Start:
        return self.start


class Again(Continuing):
    """Starts a fresh trajectory, once."""

    def search(self, setting: Setting) -> Search:
        return AgainSearch(self, setting)


class AgainSearch(ContinuingSearch):
    def when_done(self, finished: Any) -> Any:
        return Start(fresh=1) if len(finished) == 2 else Search.when_done(self, finished)


def test_a_fresh_trajectory_is_read_and_one_from_a_prefix_refused() -> None:
    pipe = tiny_pipe()
    late = pipe(PROMPT, strategy=Again(num_trajectories=2, verifier=verifier_of(pipe)), seed=1).candidates[0]
    three = pipe(PROMPT, strategy=VerifierOfN(num_trajectories=3, verifier=verifier_of(pipe)), seed=1).candidates[0]
    assert values(late) == pytest.approx(values(three), rel=1e-4)
    with pytest.raises(DecodingError, match="start none from a prefix"):
        pipe(PROMPT, strategy=Continuing(num_trajectories=2, verifier=verifier_of(pipe)))


def test_steps_of_a_preview_are_steps_of_an_image() -> None:
    """The tiny GLM-Image draws 6 codes of a preview and 6 of its grid."""
    pipe = glm_pipe()
    assert pipe.verifier(folder_of(16, 12)).head.config.steps == 12
    with pytest.raises(ConfigError, match="reads images of 6 steps, and tiny-glm draws 12"):
        pipe.verifier(folder_of(16, 6))


@pytest.mark.parametrize("share", [1.0, 1e-6])
def test_who_else_is_drawn_decides_nothing(share: float) -> None:
    """Infinity's states have other last digits where few rows are drawn together; values may be near 0 or alike."""
    pipe = infinity_pipe()
    verifier = pipe.verifier(verifier_of(pipe))
    with torch.no_grad():
        for weights in state_head(verifier).judge[2].parameters():
            weights.mul_(share)
    strategies = [VerifierOfN(num_trajectories=n, verifier=verifier_of(pipe)) for n in range(1, 9)]
    results = [pipe(PROMPT, strategy=strategy, seed=2).results[0] for strategy in strategies]
    eight = values(results[-1].candidates)
    for n, result in enumerate(results, 1):
        assert values(result.candidates) == pytest.approx(eight[:n], abs=ROUNDING, rel=0)
        assert result.chosen == (int(np.argmax(eight[:n])) if share == 1 else 0)


def test_a_value_depends_on_its_own_trajectory_alone() -> None:
    """To the bit, however many are drawn beside it."""
    pipe = tiny_pipe()
    alike = [
        values(pipe(PROMPT, strategy=VerifierOfN(num_trajectories=n, verifier=verifier_of(pipe)), seed=2).candidates[0])
        for n in range(1, 9)
    ]
    for n, found in enumerate(alike, 1):
        assert found == alike[-1][:n]
