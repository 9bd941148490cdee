"""Strategies with a verifier that reads latents: it knows a step's codes at once, and needs no states."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.trajectories import Trajectories
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import Particles, PreviewThenFinish, TTSVar, VerifierHalving, VerifierOfN
from scalingar.strategies.search import Search
from scalingar.strategies.setting import Setting
from tests.strategies.verified.test_verified import Continuing, ContinuingSearch
from tests.tiny.glm_pipe import glm_pipe
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.scale_pipes import var_pipe
from tests.tiny.verifiers import folder_of, latent_verifier


@cache
def folder(grid: int, steps: int) -> str:
    made = tempfile.mkdtemp(prefix="verifier-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    latent_verifier(grid, steps).save(Path(made))
    return made


def verifier_of(pipe: ImagePipeline) -> str:
    return folder(8, 7) if pipe.name == "tiny VAR" else folder(4, 16)


PIPES: Any = pytest.mark.parametrize(("make", "prompt"), [(tiny_pipe, PROMPT), (var_pipe, "3")])


@PIPES
def test_of_n_hands_out_the_best_value_and_decodes_no_other(make: Any, prompt: str) -> None:
    pipe = make()
    output = pipe(prompt, strategy=VerifierOfN(num_trajectories=5, verifier=verifier_of(pipe)), seed=2)
    told = [candidate.signals["verifier"] for candidate in output.candidates[0]]
    assert output.results[0].chosen == int(np.argmax(told))
    assert len(set(told)) == 5
    assert (output.ledger.decodes, output.ledger.reward_calls, output.ledger.feature_calls) == (1, 0, 0)
    assert output.ledger.seconds["verifier"] > 0


@PIPES
def test_halving_values_prefixes_when_it_cuts_and_images_at_the_end(make: Any, prompt: str) -> None:
    pipe = make()
    verifier = pipe.verifier(verifier_of(pipe))
    strategy = VerifierHalving(num_trajectories=6, rounds=((0.5, 2),), verifier=verifier_of(pipe))
    output = pipe(prompt, strategy=strategy, seed=2)
    position = 4 if make is var_pipe else 8
    for candidate in output.candidates[0]:
        steps = position if candidate.cut is not None else (7 if make is var_pipe else 16)
        reading = verifier.begin(1, prompt, lambda codes: pipe.decoder().latent(torch.stack(codes)))
        alone = reading.values(torch.tensor([steps]), lambda candidate=candidate: [candidate.codes])
        assert candidate.signals["verifier"] == float(alone)
    assert sum(candidate.cut is not None for candidate in output.candidates[0]) == 4


@pytest.mark.parametrize("rounds", [(), ((0.5, 2),)])
def test_no_state_is_kept_for_it_and_captured_steps_run_ahead(
    rounds: tuple[tuple[float, int], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    told = NextTokenDecoder.run_ahead

    def counted(self: NextTokenDecoder, trajectories: Trajectories, *others: Any) -> Any:
        assert trajectories.states is None
        ran.append(len(trajectories))
        return told(self, trajectories, *others)

    monkeypatch.setattr(NextTokenDecoder, "run_ahead", counted)
    plain, captured = tiny_pipe(cuda_graphs=False), tiny_pipe(cuda_graphs=True)
    strategy = VerifierHalving(num_trajectories=4, rounds=rounds, verifier=verifier_of(plain))
    one, other = (pipe(PROMPT, strategy=strategy, seed=2, output_type="codes") for pipe in (plain, captured))
    assert len(ran) == 15, "all steps but the last, whose image ends"
    for here, there in zip(one.candidates[0], other.candidates[0], strict=True):
        assert torch.equal(here.codes, there.codes)
        assert here.signals["verifier"] == pytest.approx(there.signals["verifier"], abs=1e-5)
    of_states = VerifierHalving(num_trajectories=4, rounds=rounds, verifier=folder_of(32, 16))
    captured(PROMPT, strategy=of_states, seed=2, output_type="codes")
    assert len(ran) == 15


def test_a_model_that_tells_no_states_takes_it() -> None:
    class Silent:
        """The model without the methods that tell states."""

        def __init__(self, model: Any) -> None:
            self.grid, self.vocab_size = model.grid, model.vocab_size
            self.condition, self.prefill, self.step = model.condition, model.prefill, model.step

    pipe = tiny_pipe()
    pipe.model = Silent(pipe.model)
    assert pipe(PROMPT, strategy=VerifierOfN(num_trajectories=2, verifier=verifier_of(pipe))).images
    with pytest.raises(ConfigError, match="tells none"):
        pipe(PROMPT, strategy=VerifierOfN(num_trajectories=2, verifier=folder_of(32, 16)))


def test_tts_var_resamples_without_waiting_for_the_next_scale() -> None:
    pytest.importorskip("sklearn")
    pipe = var_pipe()
    latent = pipe("3", strategy=TTSVar(scores="verifier", verifier=verifier_of(pipe), feature="latent"), seed=1)
    reward = pipe("3", strategy=TTSVar(reward="confidence", feature="latent"), seed=1)
    assert latent.ledger.tokens == reward.ledger.tokens
    assert latent.ledger.forward_rows == reward.ledger.forward_rows, "no scale is computed for who goes"
    assert (latent.ledger.decodes, latent.ledger.reward_calls) == (1, 0)


@pytest.mark.parametrize("latest", ["verifier", "reward"])
def test_previews_and_rounds_of_scales_are_judged_before_the_next_one_is_computed(latest: str) -> None:
    pipe = var_pipe()
    own = verifier_of(pipe)
    kept: dict[str, Any] = {"num_trajectories": 4, "keep": 1, "at": 0.5}
    verified: Any = PreviewThenFinish(judge="verifier", verifier=own, **kept)
    if latest == "reward":
        verified = VerifierHalving(num_trajectories=4, rounds=((4 / 7, 1),), verifier=own)
    looked = pipe("3", strategy=PreviewThenFinish(judge="reward", reward="confidence", **kept), seed=1)
    assert pipe("3", strategy=verified, seed=1).ledger.forward_rows == looked.ledger.forward_rows


class Once(Continuing):
    """Continues the prefix of one trajectory, once."""

    def search(self, setting: Setting) -> Search:
        return OnceSearch(self, setting)


class OnceSearch(ContinuingSearch):
    def when_done(self, finished: Any) -> Any:
        return self.start if len(finished) == 2 else Search.when_done(self, finished)


def test_trajectories_may_start_from_a_prefix() -> None:
    pipe = tiny_pipe()
    result = pipe(PROMPT, strategy=Once(num_trajectories=2, verifier=verifier_of(pipe))).results[0]
    forked = [candidate for candidate in result.candidates if candidate.parent is not None]
    assert forked
    assert all(np.isfinite(candidate.signals["verifier"]) for candidate in forked)


def test_particles_weigh_by_it() -> None:
    pipe = tiny_pipe()
    strategy = Particles(
        potential="verifier", verifier=verifier_of(pipe), num_trajectories=6, temperature_inverse=500, checks=(0.5,)
    )
    output = pipe(PROMPT, strategy=strategy, seed=5)
    assert any(candidate.parent is not None for candidate in output.candidates[0])
    assert (output.ledger.decodes, output.ledger.reward_calls) == (1, 0)


def test_a_model_that_tells_no_latents_refuses_it(tmp_path: Path) -> None:
    latent_verifier(4, 12).save(tmp_path)
    with pytest.raises(ConfigError, match="reads latents, and this model tells none"):
        glm_pipe()("a dog", strategy=VerifierOfN(verifier=str(tmp_path)))
