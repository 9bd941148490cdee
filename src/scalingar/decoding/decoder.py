"""The interface of a decoder, whatever its step is."""

from typing import Any, Protocol

from jaxtyping import Float, Int
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.frontier import Frontier
from scalingar.decoding.noise import Noise
from scalingar.profile.statistics.device_statistics import DeviceStatistics
from scalingar.profile.statistics.guidance import Scale


class Decoder(Protocol):
    """Decodes trajectories step by step; their contents are private to the decoder."""

    @property
    def decoding(self) -> Decoding:
        """The kind of step."""
        ...

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens of a finished image."""
        ...

    @property
    def preview(self) -> tuple[int, int] | None:
        """Rows and columns of the codes that a next-token model draws before those of the grid; None: it draws none."""
        ...

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Of a next-scale model the grid of every scale; else empty."""
        ...

    @property
    def groups(self) -> int:
        """Codes per token of a next-scale model; 0 where a token is a code."""
        ...

    @property
    def vocab_size(self) -> int:
        """Values that a code can have, V."""
        ...

    @property
    def sampling(self) -> SamplingConfig:
        """How a code is drawn."""
        ...

    def start(
        self, condition: Any, indices: list[list[int]], noise: Noise, *, branches: int, states: bool = False
    ) -> Any:
        """Trajectories ``indices[i]`` of prompt ``i``, before their first step, with its logits.

        ``branches``: 1; 2 with guidance; 3 with a second prompt, whose conditions follow all first ones.
        ``states``: keep the hidden states of each step. Raises ConfigError where the model does not tell them.
        """
        ...

    def scale_at(self, positions: Int[Tensor, " n"], guidance_scale: Scale) -> Scale:
        """The effective guidance scales at these positions."""
        ...

    def draw(self, frontier: Frontier, guidance_scale: Scale) -> Tensor:
        """The codes of the next step of every row of a batch, or of a part of it."""
        ...

    def append(self, trajectories: Any, codes: Tensor) -> Any:
        """Record the codes of the next step."""
        ...

    def advance(self, trajectories: Any) -> Any:
        """The logits of the next step of every row."""
        ...

    def may_run_ahead(self, trajectories: Any) -> bool:
        """Whether :meth:`run_ahead` can take the place of draw, append and advance."""
        ...

    def run_ahead(self, trajectories: Any, guidance_scale: Scale, statistics: DeviceStatistics) -> Float[Tensor, "6 n"]:
        """Draw, append and advance in one call of the device; see :class:`scalingar.decoding.ahead.Ahead`."""
        ...

    def rewind(self, trajectories: Any, position: int) -> Any:
        """Reset all rows to ``position`` steps, at least one; :meth:`advance` then gives the next logits."""
        ...

    def tokens_at(self, step: int) -> int:
        """Tokens that a row draws in one step."""
        ...

    def vectors(self, codes: Tensor) -> Tensor:
        """The code vector of every token of a next-scale model, ``(n, l, e)`` from ``(n, l, g)``."""
        ...

    def pictures(self, codes: list[Tensor], prompts: list[str] | None = None) -> Float[Tensor, "m 3 H W"]:
        """RGB in [-1, 1] of several images' codes, all or the first of each, as many of one as of another.

        ``prompts``: of each image, for tokenizers that read them (:class:`~scalingar.decoding.contracts.ReadsPrompts`).
        """
        ...
