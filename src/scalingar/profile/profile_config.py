"""The hyperparameters of the profile."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from scalingar.core.settings import Settings
from scalingar.profile.duration import Duration
from scalingar.profile.statistics.token_statistics import Distribution

Window = Literal["pooled", "trajectory"]
"""Whether running extremes and moments are pooled over the prompt's trajectories or kept per trajectory."""


class ChannelWeights(NamedTuple):
    """The weights of Eqs. (8) and (11), with those of disabled channels given to the others."""

    token: float
    block: float
    intrinsic: float
    conditional: float


class ProfileConfig(Settings):
    """Hyperparameters of Eqs. (3) to (12); the defaults are those printed in v3 of the paper.

    v1 differs only in the optional map of Eq. (11), whose (a, b) it does not print; `sigmoid_map` sets it.

    Of a pair of weights that sums to 1, one is enough.

    Raises:
        ConfigError: an unknown key, a value out of range, a pair of weights that
            does not sum to 1, or no channel left.
    """

    alpha_entropy: float = Field(default=0.5, ge=0, le=1, description="α_H, weight of H / ln V, Eq. (5)")
    alpha_margin: float = Field(default=0.5, ge=0, le=1, description="α_M, weight of 1 − m, Eq. (5)")
    token_rate: float = Field(default=0.2, gt=0, le=1, description="λ_tok, smoothing of s_tok, Eq. (6)")
    intrinsic_rate: float = Field(default=0.2, gt=0, le=1, description="λ_I, smoothing of I, Eq. (8)")
    utilisation_rate: float = Field(
        default=0.2, gt=0, le=1, description="smoothing of D, Eq. (10); 1: none (chosen: as λ_I)"
    )
    token_weight: float = Field(default=0.65, ge=0, le=1, description="w_tok, weight of s_tok, Eq. (8)")
    block_weight: float = Field(default=0.35, ge=0, le=1, description="w_blk, weight of B, Eq. (8)")
    block_size: int = Field(default=4, ge=1, description="b, side of a block in tokens, Eq. (7)")
    worst_fraction: float = Field(
        default=0.10, gt=0, le=1, description="q, share of the blocks that count as worst, Eq. (7)"
    )
    min_fill: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="ρ_min, fill ratio that makes a block eligible (chosen)",
    )
    block_window: Window = Field(
        default="pooled",
        description="extremes of E_worst: of all trajectories of the prompt, or of each (chosen)",
    )
    intrinsic_weight: float = Field(default=0.75, ge=0, le=1, description="w_I, weight of Î, Eq. (11)")
    conditional_weight: float = Field(default=0.25, ge=0, le=1, description="w_D, weight of D̂, Eq. (11)")
    conditional_window: Window = Field(
        default="pooled",
        description="moments of K: of all trajectories of the prompt, or of each (chosen)",
    )
    rolling_window: Duration | None = Field(
        default=None,
        description="steps, or share of T, of the extremes of E_worst and the moments of K; None: all so far (chosen)",
    )
    minimum_since: Literal["start", "warmup"] = Field(
        default="warmup",
        description="C_min of Eq. (12): the smallest C since the first step, or since the gate's W₀ (chosen by the "
        "paper's token counts); before W₀, and of strategies without a warm-up, since the first step",
    )
    minimum_window: Duration | None = Field(
        default=None, description="steps, or share of T, that C_min looks back; None: all since then"
    )
    epsilon: float = Field(default=1e-6, gt=0, description="ε of Eqs. (9) and (12) (chosen)")
    distribution: Distribution = Field(
        default="guided",
        description="π: softmax of the guided or of the conditional logits (chosen)",
    )
    sigmoid_map: tuple[float, float] | None = Field(
        default=None,
        description="(a, b) of C ← sigmoid(a·C + b), v1's optional last step of Eq. (11)",
    )
    deepconf_top_k: int = Field(default=20, ge=1, description="k of DeepConf's confidence, Eq. (4)")
    token_channel: bool = Field(default=True, description="use s_tok; off: B has its weight")
    block_channel: bool = Field(default=True, description="use B; off: s_tok has its weight")
    conditional_channel: bool = Field(default=True, description="use D̂; off: Î has its weight")

    @cached_property
    def weights(self) -> ChannelWeights:
        """The effective weights: each pair sums to 1, or is (0, 0) when both channels are off."""
        token, block = _shared((self.token_weight, self.token_channel), (self.block_weight, self.block_channel))
        intrinsic, conditional = _shared(
            (self.intrinsic_weight, self.token_channel or self.block_channel),
            (self.conditional_weight, self.conditional_channel),
        )
        return ChannelWeights(token, block, intrinsic, conditional)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        rest = {}
        for pair in _PAIRS:
            for first, second in (pair, pair[::-1]):
                weight = values.get(first)
                if isinstance(weight, int | float) and 0 <= weight <= 1 and second not in values:
                    rest[second] = 1 - weight
        return {**values, **rest}

    @model_validator(mode="after")
    def _check(self) -> Self:
        for first, second in _PAIRS:
            if not math.isclose(getattr(self, first) + getattr(self, second), 1, abs_tol=1e-6):
                raise ValueError(f"{first} and {second} must sum to 1")
        if not (self.token_channel or self.block_channel or self.conditional_channel):
            raise ValueError("every channel is off; leave at least one on")
        return self


_PAIRS = (
    ("alpha_entropy", "alpha_margin"),
    ("token_weight", "block_weight"),
    ("intrinsic_weight", "conditional_weight"),
)


def _shared(first: tuple[float, bool], second: tuple[float, bool]) -> tuple[float, float]:
    """A pair of weights that sums to 1; if one is off, the other is 1."""
    (first_weight, first_on), (second_weight, second_on) = first, second
    if first_on and second_on:
        return first_weight, second_weight
    return float(first_on), float(second_on)
