"""Prefixes that are completed several times: drawn from the cache, scored, and kept.

Of each prompt K trajectories are completed; from the first steps of each M − 1 others go on, at every share. So a
prefix has M completions with noise of their own, its own trajectory among them, and is itself never computed again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from scalingar.analysis.drawing.drawn_by import drawn_by
from scalingar.analysis.drawing.kept_parts import Bar, Columns, KeptParts
from scalingar.bench.image_seeds import image_seed
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards import check_reward
from scalingar.rewards.reward import compares
from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.rivals.judged import step_at
from scalingar.strategies.search import Candidates, Pick, Prefix, Search, Start
from scalingar.strategies.setting import Setting

TOGETHER = 4
"""Prompts drawn together and stored in a file, of a model on the CPU; elsewhere their rows may not fit: it is one."""


@dataclass(frozen=True)
class Plan:
    """All that decides the bytes of the completions, beside the model.

    ``shares``: of the steps, that the prefixes have. ``prefixes``: K of each prompt. ``completions``: M of each prefix.
    """

    prompts: Sequence[str]
    reward: str
    shares: Sequence[float]
    prefixes: int
    completions: int
    seed: int

    def told(self, pipe: ImagePipeline) -> dict[str, Any]:
        """As JSON, with the model. Raises ConfigError, WeightsError: the reward cannot be loaded."""
        return {
            **drawn_by(pipe, self.strategy(lengths(pipe, self.shares))),
            "reward": self.reward,
            "prefixes": self.prefixes,
            "completions": self.completions,
            "shares": list(self.shares),
            "seed": self.seed,
            "prompts": list(self.prompts),
        }

    def strategy(self, shares: "Sequence[Share]") -> "Forked":
        """What draws the completions of a prompt."""
        return Forked(
            num_trajectories=self.prefixes,
            completions=self.completions,
            lengths=tuple(share.steps for share in shares),
            reward=self.reward,
        )

    def check(self) -> None:
        """Raises ConfigError for what no model could be asked."""
        if self.prefixes < 2:
            raise ConfigError(f"--prefixes is {self.prefixes}; to see how they differ there must be at least 2.")
        if self.completions < 2:
            raise ConfigError(
                f"--completions is {self.completions}; to see how those of a prefix differ there must be at least 2."
            )
        if not self.shares:
            raise ConfigError("--shares is empty; give shares of the steps, such as 0.25,0.5,0.75.")
        if wrong := [share for share in self.shares if not 0 < share < 1]:
            raise ConfigError(f"--shares holds {wrong[0]:g}; a prefix has a share of the steps between 0 and 1.")
        check_reward(self.reward)
        if compares(self.reward):
            raise ConfigError(
                f"the reward {self.reward!r} ranks candidates against each other, so that its values cannot be divided "
                "into parts; name one that scores each image by itself."
            )
        if len(self.prompts) < 2:
            raise ConfigError(f"there is {len(self.prompts)} prompt; the intervals are over prompts, give at least 2.")
        if twice := next((prompt for i, prompt in enumerate(self.prompts) if prompt in self.prompts[:i]), None):
            raise ConfigError(f"the prompt {twice!r} is there twice; leave one of them out.")


@dataclass(frozen=True)
class Share:
    """A length of prefixes: ``steps`` of all steps, with ``tokens`` of all tokens; ``name``: where that is."""

    name: str
    steps: int
    tokens: float


def lengths(pipe: ImagePipeline, shares: Sequence[float]) -> list[Share]:
    """The lengths of prefixes, ascending: of a next-scale model so many scales.

    ``shares``: between 0 and 1. Raises ConfigError where one ends with the last step, or two with the same.
    """
    setting = setting_of(pipe)
    total, unit = setting.total_steps, setting.step_name
    found: dict[int, float] = {}
    for share in sorted(shares):
        steps = step_at(share, setting)
        if steps == total:
            raise ConfigError(
                f"--shares holds {share:g}, which ends with the last of the model's {total} {unit}s: nothing is left "
                f"to complete; give at most {math.floor(1000 * (total - 1) / total) / 1000}."
            )
        if steps in found:
            raise ConfigError(
                f"--shares holds {found[steps]:g} and {share:g}, which both end with {unit} {steps} of {total}; give "
                "one of them."
            )
        found[steps] = share
    whole = setting.tokens_until(total)
    return [Share(_name(setting, steps), steps, setting.tokens_until(steps) / whole) for steps in found]


def setting_of(pipe: ImagePipeline) -> Setting:
    """That of an image of the model."""
    return Setting.of(pipe.decoder(), pipe.guidance_scale, 0)


def _name(setting: Setting, steps: int) -> str:
    if not setting.scales:
        return f"{steps} of {setting.total_steps} codes"
    height, width = setting.scales[steps - 1]
    return f"{steps} of {setting.total_steps} scales, to {height} x {width}"


@dataclass(frozen=True)
class Forks:
    """``rewards``: of ``p`` prompts, at each of ``s`` shares, of K prefixes with M completions.

    ``tokens``: drawn of each prompt. ``tokens_per_image``: of a complete one.
    """

    shares: Sequence[Share]
    rewards: Float[np.ndarray, "p s k m"]
    tokens: Int[np.ndarray, " p"]
    tokens_per_image: int


def collect(pipe: ImagePipeline, plan: Plan, folder: Path, bar: Bar) -> Forks:
    """Draw what is missing in ``folder``, and read all.

    Raises:
        ConfigError: a plan that cannot be drawn, or the reward fails. OutputError: the folder is of another plan.
    """
    plan.check()
    shares = lengths(pipe, plan.shares)

    def draw(part: slice) -> Columns:
        return _draw(pipe, plan, shares, plan.prompts[part])

    assert pipe.choice is not None
    parts = KeptParts(folder, "completions", TOGETHER if pipe.choice.on_cpu else 1)
    columns = parts.fill(plan.told(pipe), len(plan.prompts), draw, bar)
    setting = setting_of(pipe)
    return Forks(shares, columns["rewards"], columns["tokens"], setting.tokens_until(setting.total_steps))


def _draw(pipe: ImagePipeline, plan: Plan, shares: Sequence[Share], prompts: Sequence[str]) -> Columns:
    strategy = plan.strategy(shares)
    seeds = [image_seed(plan.seed, prompt, 0) for prompt in prompts]
    output = pipe(list(prompts), strategy=strategy, seed=seeds, output_type="codes")
    rewards = [arranged(result.candidates, strategy) for result in output.results]
    tokens = [sum(one.drawn for one in result.candidates) for result in output.results]
    return {"rewards": np.array(rewards, np.float64), "tokens": np.array(tokens, np.int64)}


def arranged(candidates: Sequence[Candidate], strategy: "Forked") -> Float[np.ndarray, "s k m"]:
    """A prompt's rewards by length, prefix and completion; each prefix's own trajectory is the first."""
    scored = {one.index: one.rewards[str(strategy.reward)] for one in candidates if one.finished}
    expected = strategy.num_trajectories * (1 + len(strategy.lengths) * (strategy.completions - 1))
    if len(scored) < expected:
        raise lost(candidates[0].prompt)
    of = {place: [scored[place[0]]] for place in product(range(strategy.num_trajectories), strategy.lengths)}
    for one in candidates:
        if one.parent is not None:
            of[one.parent, one.born].append(scored[one.index])
    values = np.array(list(of.values())).reshape(strategy.num_trajectories, len(strategy.lengths), -1)
    return values.swapaxes(0, 1)


def means_by_length(rewards: Float[np.ndarray, "s k m"]) -> Float[np.ndarray, "k l"]:
    """Of prefixes no longer than each of the lengths, the mean reward of all completions that begin with them; last of
    longer ones, which have their own trajectory alone.

    ``rewards``: as :func:`arranged`.
    """
    own, others = rewards[0, :, :1], rewards[:, :, 1:]
    means = [np.concatenate([own, *others[place:]], 1).mean(1) for place in range(len(others))]
    return np.stack([*means, own[:, 0]], 1)


def lost(prompt: str) -> ConfigError:
    """What is raised for a prompt without all its completions."""
    return ConfigError(f"{prompt!r} lost a trajectory whose logits are no numbers; leave it out.")


class Forked(BestOfN):
    """Completes N trajectories and then the first steps of each again: the prefixes of one length after the other."""

    completions: int = Field(ge=1, description="M, of each prefix, its own trajectory among them")
    lengths: tuple[int, ...] = Field(description="of the prefixes, in steps")

    def search(self, setting: Setting) -> "Forking":
        """A new search for one image."""
        return Forking(self, setting)


class Forking(Search):
    """The search for one image."""

    def __init__(self, strategy: Forked, setting: Setting) -> None:
        super().__init__(strategy, setting)
        self.settings = strategy
        self.left = list(strategy.lengths)
        """Of prefixes that are still to be completed."""
        self.may_start = bool(self.left)

    def sources(self, finished: Candidates) -> list[int]:
        """The trajectories whose prefixes are completed."""
        return [one.index for one in finished if one.parent is None] if self.left else []

    def when_done(self, finished: Candidates) -> Start | Pick:
        """The completions of the next length; after the last one, all are scored."""
        if len(finished) < self.starts:
            raise lost(finished[0].prompt)
        if not self.left:
            return super().when_done(finished)
        steps = self.left.pop(0)
        again = [Prefix(index, steps) for index in range(self.starts) for _ in range(self.settings.completions - 1)]
        return Start(prefixes=tuple(again))
