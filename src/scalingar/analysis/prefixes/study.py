"""A study of prefixes: its rewards with what was drawn for them, and what follows; as JSON and back."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from scalingar.analysis.drawing.kept_parts import Bar
from scalingar.analysis.outcomes.findings import Interval
from scalingar.analysis.prefixes.decided import Decided, decided
from scalingar.analysis.prefixes.forks import Forks, Plan, Share, collect
from scalingar.analysis.prefixes.measured import Redrawn, gain_of_half, gain_of_redrawing, gain_of_some
from scalingar.analysis.prefixes.spending import (
    KEPT,
    N,
    cost_of_cutting,
    gain_of_complete,
    gain_of_cutting,
)
from scalingar.pipeline.pipeline import ImagePipeline

DIGITS = 6
"""Of rewards, in files and for what is computed from them."""


@dataclass(frozen=True)
class Cut:
    """Of 8 prefixes the ``kept`` most valuable are completed: shares of best-of-8's gain and tokens.

    ``complete``: the gain of as many complete images as cost the same.
    """

    kept: int
    tokens: float
    gain: Interval
    complete: float


@dataclass(frozen=True)
class Halved:
    """Measured: half of the K prefixes are cut by the mean of their other completions. As :class:`Cut`."""

    kept: int
    tokens: float
    gain: Interval | None
    complete: Interval | None


@dataclass(frozen=True)
class Length:
    """All about prefixes of one length; ``cuts`` and ``redrawn`` are empty and None where the reward never varies."""

    share: Share
    decided: Decided
    halved: Halved
    cuts: Sequence[Cut]
    redrawn: Redrawn | None


@dataclass(frozen=True)
class Study:
    """``plan``: all that decides the rewards. ``tasks``: of the prompts."""

    plan: Mapping[str, Any]
    tasks: Sequence[str]
    forks: Forks

    @property
    def title(self) -> str:
        """Model and reward."""
        return f"{self.plan['model']}, reward {self.plan['reward']}"

    def lengths(self) -> list[Length]:
        """Of all prompts, from the shortest prefix on."""
        return [self._length(place, share) for place, share in enumerate(self.forks.shares)]

    def by_task(self) -> dict[str, list[Decided]]:
        """Of each task that has at least two prompts, length by length; empty where all are of one task."""
        tasks = np.array(self.tasks)
        members = {name: tasks == name for name in sorted(set(self.tasks))}
        rewards = self.forks.rewards
        places = range(len(self.forks.shares))
        told = {name: own for name, own in members.items() if own.sum() > 1 and len(members) > 1}
        return {name: [decided(rewards[own, place]) for place in places] for name, own in told.items()}

    def _length(self, place: int, share: Share) -> Length:
        rewards: Float[np.ndarray, "p k m"] = self.forks.rewards[:, place]
        found, tokens = decided(rewards), share.tokens
        halved = self._halved(rewards, tokens)
        if found.rho is None:
            return Length(share, found, halved, [], None)
        rho = found.rho
        cuts = [
            Cut(
                kept,
                cost_of_cutting(tokens, kept),
                _through(partial(gain_of_cutting, kept=kept), rho),
                gain_of_complete(N * cost_of_cutting(tokens, kept)),
            )
            for kept in KEPT
        ]
        return Length(share, found, halved, cuts, gain_of_redrawing(rewards, tokens))

    def _halved(self, rewards: Float[np.ndarray, "p k m"], tokens: float) -> Halved:
        prefixes = rewards.shape[1]
        kept = prefixes // 2
        images = prefixes * tokens + kept * (1 - tokens)
        return Halved(kept, images / prefixes, gain_of_half(rewards), gain_of_some(rewards, images))

    def json(self) -> str:
        """All of it: what follows, and the rewards that it follows from."""
        forks = self.forks
        prompts = zip(self.plan["prompts"], self.tasks, forks.tokens.tolist(), forks.rewards.tolist(), strict=True)
        keys = ("prompt", "task", "tokens", "rewards")
        told = {
            "plan": {name: value for name, value in self.plan.items() if name != "prompts"},
            "tokens_per_image": forks.tokens_per_image,
            "lengths": [asdict(length, dict_factory=_without_sign) for length in self.lengths()],
            "tasks": {
                name: [asdict(each, dict_factory=_without_sign) for each in found]
                for name, found in self.by_task().items()
            },
        }
        lines = [json.dumps(dict(zip(keys, prompt, strict=True))) for prompt in prompts]
        return json.dumps(told, indent=1)[:-2] + ',\n "prompts": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"

    @classmethod
    def read(cls, path: Path) -> "Study":
        """From its JSON."""
        told = json.loads(path.read_text("utf-8"))
        prompts = told["prompts"]
        forks = Forks(
            [Share(**length["share"]) for length in told["lengths"]],
            np.array([prompt["rewards"] for prompt in prompts]),
            np.array([prompt["tokens"] for prompt in prompts]),
            told["tokens_per_image"],
        )
        plan = {**told["plan"], "prompts": [prompt["prompt"] for prompt in prompts]}
        return cls(plan, [prompt["task"] for prompt in prompts], forks)


def _without_sign(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """How an interval is written out is no part of it."""
    return {name: value for name, value in items if name != "signed"}


def _through(function: Callable[[float], float], rho: Interval) -> Interval:
    """A monotone function of ρ, with its interval."""
    low, high = sorted((function(rho.low), function(rho.high)))
    return Interval(function(rho.value), low, high)


def measure(pipe: ImagePipeline, plan: Plan, tasks: Sequence[str], folder: Path, bar: Bar) -> Study:
    """Draw what is missing in ``folder``, and tell what follows.

    Raises:
        ConfigError: a plan that cannot be drawn, or the reward fails. OutputError: the folder is of another plan.
    """
    plan.check()
    told = plan.told(pipe)  # as it is now, with no commit that is only read while drawing
    forks = collect(pipe, plan, folder, bar)
    rounded = Forks(forks.shares, np.round(forks.rewards, DIGITS), forks.tokens, forks.tokens_per_image)
    return Study(told, tasks, rounded)
