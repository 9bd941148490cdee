"""Particles: sequential Monte Carlo over prefixes, resampled when their weights have become uneven."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field, model_validator

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Candidate
from scalingar.policy.resampling import Method, effective_sample_size, probabilities, resample
from scalingar.profile.duration import share_of
from scalingar.profile.rounding import reaches
from scalingar.rewards.reward import compares
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Decision, Pick, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax, choice_generator

ParticlePotential = Literal["reward", "verifier", "confidence", "likelihood"]


@STRATEGIES.register("particles")
class Particles(Strategy):
    """Sequential Monte Carlo: at a few steps heavy trajectories go on as several copies, and light ones end.

    v is a potential of a prefix, and a trajectory weighs exp(λ · v), wherever it stands.

    At each check a weight is multiplied by exp(λ · (v − v before)). If the effective sample size is then below
    ``ess_share`` · N, N trajectories are drawn in proportion to their weights, which begin anew at 1. Share 0 never
    resamples: importance sampling, whose checks change nothing. No check and ``last`` by reward is Best-of-N.

    The weights are those of genlm-control's SMC (Loula et al. 2025): increments of a potential, an adaptive resampling
    after Liu & Chen (1995). The likelihood's λ is α − 1 of power sampling, target p(x|c)^α, where no guidance bends p.
    """

    potential: ParticlePotential = Field(
        "confidence",
        description="v: the reward of the picture so far, a verifier's value, C of the last step, or ln p(x|c) of all",
    )
    temperature_inverse: float = Field(10.0, ge=0, description="λ; of the likelihood, whose v is a sum, much smaller")
    checks: tuple[float, ...] = Field(
        (0.25, 0.5, 0.75), description="after which shares of the steps trajectories are weighed"
    )
    ess_share: float = Field(0.5, ge=0, le=1, description="resample below this share of N; 0: never")
    method: Method = Field("systematic", description="how resampling draws; systematic spreads copies evenly")
    last: Literal["weights", "reward"] = Field(
        "weights", description="the image that is handed out: drawn by weight, or of the highest reward"
    )
    reward: str | None = Field(
        None, description="name of the reward, or name:source for weights of your own; None: the model's own"
    )

    verifier: str | None = Field(
        None, description="of the potential verifier: a folder, or a name; None: the model's own"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if list(self.checks) != sorted(set(self.checks)) or not all(0 < share < 1 for share in self.checks):
            raise ValueError(f"the shares of checks {list(self.checks)} must ascend between 0 and 1")
        if self.reward is not None and not self.needs().rewarded:
            raise ValueError(f"nothing asks the reward {self.reward}; leave it out, or set potential or last to reward")
        if self.verifier is not None and self.potential != "verifier":
            raise ValueError(f"nothing asks the verifier {self.verifier}; leave it out, or set potential to verifier")
        if self.potential == "reward" and self.reward is not None and compares(self.reward):
            raise ValueError(f"{self.reward} ranks finished candidates; a prefix has no value of it, name another")
        return self

    def chosen_by(self) -> str | None:
        """The signal that is its potential."""
        return {"confidence": "final_confidence", "likelihood": "log_likelihood"}.get(self.potential)

    def needs(self) -> Needs:
        """Its reward and its verifier, where something asks them."""
        rewarded = "reward" in (self.potential, self.last)
        verified = self.potential == "verifier"
        return Needs(rewarded=rewarded, reward=self.reward, verified=verified, verifier=self.verifier)

    def search(self, setting: Setting) -> "ParticlesSearch":
        """A new search for one image."""
        return ParticlesSearch(self, setting)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """A candidate by reward or weight, as if none had been resampled."""
        return self.chosen(candidates, np.zeros(len(candidates)), setting)

    def chosen(self, candidates: Sequence[Candidate], since: Float[np.ndarray, " n"], setting: Setting) -> int:
        """Position of the image to hand out; ``since``: v where each weight last began anew. Raises DecodingError."""
        if self.last == "reward":
            return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)
        weights = self.weights(self.log_weights(candidates, since), "at the end")
        return int(choice_generator(setting).choice(len(weights), p=weights))

    def values(self, candidates: Sequence[Candidate]) -> Float[np.ndarray, " n"]:
        """v of each, complete or not; rewards and a verifier's values must be known."""
        return np.array([self._value(candidate) for candidate in candidates], np.float64)

    def log_weights(self, candidates: Sequence[Candidate], since: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """λ · (v − v where the weight last began anew)."""
        return self.temperature_inverse * (self.values(candidates) - since)

    def weights(self, log_weights: Float[np.ndarray, " n"], where: str) -> Float[np.ndarray, " n"]:
        """The weights as shares. Raises DecodingError if none is a number."""
        try:
            return probabilities(log_weights)
        except ValueError:
            raise DecodingError(
                f"{where} the {self.potential} of no trajectory is a number; check the model's weights and their dtype."
            ) from None

    def _value(self, candidate: Candidate) -> float:
        if self.potential == "reward":
            return candidate.rewards[str(self.reward)]
        if self.potential == "verifier":
            return candidate.signals["verifier"]
        if self.potential == "confidence":
            return candidate.signals["final_confidence"]
        return candidate.signals["log_likelihood"] * candidate.codes.numel()


class ParticlesSearch(Search):
    """The search for one image: where each weight began, and when to weigh."""

    def __init__(self, strategy: Particles, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.checks = {share_of(share, setting.total_steps) for share in strategy.checks} - {setting.total_steps}
        self.since: Float[np.ndarray, " n"] = np.zeros(self.starts)
        self.told: dict[int, float] = {}
        """The same by trajectory, as of the last check."""

    def before_draw(self, step: Step) -> Decision | None:
        """Weigh, and resample where the weights have become uneven. Raises DecodingError."""
        settings, count = self.settings, len(step)
        if step.position not in self.checks or not settings.ess_share:
            return None
        if settings.potential == "reward":
            step.rewards()
        if settings.potential == "verifier":
            step.values()
        values, logs = settings.values(step.images), settings.log_weights(step.images, self.since)
        weights = settings.weights(logs, f"at {self.setting.step_name} {step.position}")
        size = effective_sample_size(weights)
        trace = {"potential": values, "weight": weights, "ess": np.full(count, size)}
        if reaches(np.array(size), settings.ess_share * count):
            self.told = dict(zip(step.indices, self.since.tolist(), strict=True))
            return Decision(np.arange(count), [None] * count, trace=trace)
        self.since = values
        self.told = dict(zip(step.indices, values.tolist(), strict=True))
        generator = np.random.default_rng((self.setting.seed, step.position, 0x9A127))
        rows = resample(logs, count, settings.method, generator)
        reasons: list[str | None] = [f"not drawn in resampling, weight {weight:.3f}" for weight in weights]
        for row in rows.tolist():
            reasons[row] = None
        return Decision(rows, reasons, trace=trace)

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Copies have their original's."""
        self.since = self.since[rows]

    def when_done(self, finished: Candidates) -> Pick:
        """By reward or by weight. Raises DecodingError."""
        if self.settings.needs().rewarded:
            finished.rewards()
        since = np.array([self._since(candidate) for candidate in finished])
        return Pick(finished[self.settings.chosen(finished, since, self.setting)].index)

    def _since(self, candidate: Candidate) -> float:
        """v where its weight last began anew; a copy that was made there is known by its original alone."""
        known = candidate.index if candidate.index in self.told else candidate.parent
        return 0.0 if known is None else self.told.get(known, 0.0)
