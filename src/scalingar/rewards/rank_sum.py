"""Several rewards and signals as one: the sum of the candidates' ranks under each."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from scipy.stats import rankdata

from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Truncation
from scalingar.rewards.reward import REWARDS, PixelReward, Reward, build_reward, eyes, score_candidates

NAME = "rank-sum"
VERIFIER = "verifier"
_TERM = re.compile(r"(?:(?P<weight>[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*\*\s*)?(?P<name>[^*]+)")
_LARGEST_WEIGHT = 1e6


@dataclass(frozen=True)
class Term:
    """A reward of the sum, ``name`` or ``name:source``, and the weight of its rank."""

    weight: float
    name: str


def terms_of(source: str | None) -> list[Term]:
    """The terms of ``embedded,0.5*log-likelihood``; underscores serve as hyphens.

    Raises:
        ConfigError: fewer than two terms, one twice or nested, a weight of 0, or an unknown reward.
    """
    words = [word.strip() for word in source.split(",")] if source else []
    terms = [_term(word) for word in words]
    names = [term.name for term in terms]
    if len(terms) < 2 or len(set(names)) < len(names):
        raise ConfigError(
            f"a rank sum needs two or more different rewards, not {source or 'none'}; write "
            f"{NAME}:embedded,log-likelihood."
        )
    return terms


def rank_sums(scores: Float[np.ndarray, "r n"], weights: Sequence[float]) -> Float[np.ndarray, " n"]:
    """Σ weight · rank of each of n candidates under r rewards; see :func:`ranks`."""
    total: np.ndarray = np.asarray(weights) @ ranks(scores)
    return total


def ranks(scores: Float[np.ndarray, "r n"]) -> Float[np.ndarray, "r n"]:
    """The rank of each score in its row, from 0; equals share a mean rank, and NaN is the worst of all."""
    known = np.where(np.isnan(scores), -np.inf, scores)
    return np.asarray(rankdata(known, axis=1) - 1)


def rewards_in(reward: str | None) -> list[str]:
    """The reward, or the terms of a sum, without their sources."""
    name, _, source = (reward or "").partition(":")
    if name == NAME:
        with suppress(ConfigError):  # a sum that is none is refused where it is built
            return [term.name.partition(":")[0] for term in terms_of(source)]
    return [name]


def asks_verifier(reward: str | None) -> bool:
    """Whether this is the value of a verifier, or a sum with it."""
    return VERIFIER in rewards_in(reward)


@REWARDS.register(NAME)
class RankSum(PixelReward):
    """Σ weight · rank among a prompt's candidates; scales of the rewards do not matter, and no one of them rules.

    An imperfect reward is over-optimised by the maximum of many; ranks under a second signal are meant to hold
    against it (whether they do: docs/leaderboard.md).
    """

    compares = True

    def __init__(self, source: str | None, *, device: str | torch.device) -> None:
        self.terms = terms_of(source)
        self.rewards: list[Reward] = [build_reward(term.name, device=device) for term in self.terms]

    @staticmethod
    def check(source: str | None) -> None:
        """Raises ConfigError as :func:`terms_of`."""
        terms_of(source)

    @staticmethod
    def eyes(source: str | None) -> frozenset[str]:
        """Those of its terms."""
        return frozenset().union(*(eyes(term.name) for term in terms_of(source)))

    @property
    def counts_images(self) -> bool:  # type: ignore[override]
        """Whether one of its rewards looks at images."""
        return any(reward.counts_images for reward in self.rewards)

    def prepare(self) -> None:
        """See :meth:`PixelReward.prepare`."""
        for reward in self.rewards:
            if isinstance(reward, PixelReward):
                reward.prepare()

    def check_prompt(self, prompt: str) -> None:
        """See :meth:`PixelReward.check_prompt`."""
        for reward in self.rewards:
            if isinstance(reward, PixelReward):
                reward.check_prompt(prompt)

    def truncation(self, prompt: str) -> Truncation | None:
        """What the first of its rewards that does not read the whole prompt leaves out."""
        cuts = (reward.truncation(prompt) for reward in self.rewards if isinstance(reward, PixelReward))
        return next((cut for cut in cuts if cut is not None), None)

    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """Not of images alone: signals belong to candidates."""
        raise ConfigError("a rank sum scores candidates; images alone have no signals of the model.")

    def __call__(self, candidates: list[Candidate]) -> list[float]:
        """Rank sums among the candidates of each prompt."""
        rows = zip(self.terms, self.rewards, strict=True)
        scores = np.array([score_candidates(reward, term.name, candidates) for term, reward in rows])
        prompts = np.array([candidate.prompt for candidate in candidates])
        sums = np.empty(len(candidates))
        for prompt in dict.fromkeys(prompts.tolist()):
            own = prompts == prompt
            sums[own] = rank_sums(scores[:, own], [term.weight for term in self.terms])
        return sums.tolist()


def _term(word: str) -> Term:
    match = _TERM.fullmatch(word)
    if match is None:
        raise ConfigError(f"{word!r} is no term of a rank sum; write a reward's name, or a number, * and the name.")
    weight, name = float(match["weight"] or 1), match["name"].strip()
    head, colon, source = name.partition(":")
    if head not in REWARDS and head.replace("_", "-") in REWARDS:
        name = head.replace("_", "-") + colon + source
    if head == NAME:
        raise ConfigError("a rank sum cannot be a term of another.")
    if head not in REWARDS and name not in REWARDS:
        REWARDS[head]  # says which names are close
    if not 0 < weight <= _LARGEST_WEIGHT:
        raise ConfigError(f"the weight of {name} is {weight:g}; it must be above 0 and at most {_LARGEST_WEIGHT:g}.")
    return Term(weight, name)
