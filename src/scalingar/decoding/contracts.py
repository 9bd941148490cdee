"""The interfaces that a model, its cache and its tokenizer implement.

Protocols only. The codes of one scale of a next-scale model are ``(n, l, g)`` int64: ``l`` tokens in raster order,
``g`` codes per token.
"""

from typing import Protocol, Self, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

NO_STATES = "the strategy reads hidden states, and the model ({}) tells none: it has no step_with_states."
"""What is wrong where states are asked of such a model, by its class."""


class Cache(Protocol):
    """A model's cache, one row per trajectory and branch."""

    @property
    def rows(self) -> int:
        """Rows held."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...

    @property
    def lockstep(self) -> bool:
        """All rows must be at the same position, so no row can start while others are being decoded."""
        ...

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows, in the given order; a row may repeat. The old cache is spent."""
        ...

    def copy(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows as a cache of their own; this one stays as it is."""
        ...

    def keep(self) -> None:
        """From now on keep what other trajectories need to start from a finished one."""
        ...

    def rewind(self, fed: int) -> None:
        """Forget, for all rows, what was fed after the first ``fed`` codes or scales."""
        ...

    def fits(self, other: Self) -> bool:
        """Whether rows of ``other`` can be joined to these."""
        ...

    def join(self, other: Self, order: Int[Tensor, " m"]) -> Self:
        """Rows of both, first this cache's, then taken in ``order``. Both caches are spent."""
        ...

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> None:
        """Replace ``rows`` by those of ``fresh``; never called with ``lockstep``."""
        ...


CacheT = TypeVar("CacheT", bound=Cache)
ConditionT = TypeVar("ConditionT")


@runtime_checkable
class NextTokenModel(Protocol[ConditionT, CacheT]):
    """A model whose step is a code, such as :class:`scalingar.models.llamagen.transformer.LlamaGen`.

    Condition and cache are opaque to the decoding loop.
    """

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the code grid."""
        ...

    @property
    def vocab_size(self) -> int:
        """Image codes V."""
        ...

    def condition(self, inputs: Tensor, mask: Bool[Tensor, "p t"] | None = None) -> ConditionT:
        """Embed the prompts."""
        ...

    def prefill(self, condition: ConditionT, *, guided: bool) -> tuple[Float[Tensor, "b v"], CacheT]:
        """Logits of the first code and the cache, per prompt and branch."""
        ...

    def step(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: CacheT) -> Float[Tensor, "n v"]:
        """Logits after feeding one code per row."""
        ...


@runtime_checkable
class NextScaleModel(Protocol[ConditionT, CacheT]):
    """A model whose step is a scale; each of the ``g`` codes of a token has ``v`` values."""

    @property
    def scales(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every scale's token grid, coarse to fine."""
        ...

    @property
    def groups(self) -> int:
        """Codes per token, g."""
        ...

    @property
    def values(self) -> int:
        """Values of a code, v."""
        ...

    @property
    def device(self) -> torch.device:
        """Device of the weights, also of the tokenizer's."""
        ...

    def condition(self, inputs: Tensor, mask: Bool[Tensor, "p t"] | None = None) -> ConditionT:
        """Embed the prompts, one row each."""
        ...

    def prefill(self, condition: ConditionT, *, guided: bool) -> CacheT:
        """The cache before the first scale, one row per prompt and branch: conditional rows, then unconditional."""
        ...

    def step(self, features: Float[Tensor, "n l d"] | None, scale: int, cache: CacheT) -> Float[Tensor, "b l g v"]:
        """Raw fp32 logits of one scale for every row of the cache, both branches reading the same features.

        ``features`` are None at scale 0.
        """
        ...

    def guidance_at(self, scale: int, guidance_scale: float) -> float:
        """The effective guidance scale at one scale; models may ramp it."""
        ...


@runtime_checkable
class TellsTokenStates(NextTokenModel[ConditionT, CacheT], Protocol[ConditionT, CacheT]):
    """A next-token model that also gives the hidden states its logits are computed from.

    ``states`` are the inputs of the output head at the last position, in fp32, one per row of the logits.
    """

    def prefill_with_states(
        self, condition: ConditionT, *, guided: bool
    ) -> tuple[Float[Tensor, "b v"], Float[Tensor, "b d"], CacheT]:
        """:meth:`NextTokenModel.prefill` with the states of the first code's logits; the same logits, bit for bit."""
        ...

    def step_with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: CacheT
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """:meth:`NextTokenModel.step` with the states."""
        ...


@runtime_checkable
class TellsScaleStates(NextScaleModel[ConditionT, CacheT], Protocol[ConditionT, CacheT]):
    """A next-scale model that also gives hidden states: the inputs of the output head, in fp32.

    A row has one state for a scale, the mean over the scale's tokens.
    """

    def step_with_states(
        self, features: Float[Tensor, "n l d"] | None, scale: int, cache: CacheT
    ) -> tuple[Float[Tensor, "b l g v"], Float[Tensor, "b d"]]:
        """:meth:`NextScaleModel.step` with the states; the same logits, bit for bit."""
        ...


class ImageTokenizer(Protocol):
    """The decoding half of an image tokenizer: see :class:`scalingar.models.llamagen.vq.VQTokenizer`."""

    @property
    def downsample(self) -> int:
        """Pixels per code along each axis."""
        ...

    def decode(self, codes: Int[Tensor, "n t"], grid: tuple[int, int]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a grid of codes on any device, nominally in [-1, 1], unclamped; ``grid`` is ``(h, w)``."""
        ...


@runtime_checkable
class DrawsPreview(NextTokenModel[ConditionT, CacheT], Protocol[ConditionT, CacheT]):
    """A next-token model that first draws the whole picture at low resolution, then the codes of its grid."""

    @property
    def preview(self) -> tuple[int, int]:
        """Rows and columns of the first codes."""
        ...


@runtime_checkable
class TellsVectors(ImageTokenizer, Protocol):
    """An image tokenizer that tells the vectors its codes stand for."""

    def vectors(self, codes: Int[Tensor, "n t"]) -> Float[Tensor, "n t d"]:
        """The code vector of every code, on any device."""
        ...


@runtime_checkable
class ReadsPrompts(ImageTokenizer, Protocol):
    """An image tokenizer that reads the prompts too, such as a diffusion model that the codes condition."""

    def decode_for(
        self, prompts: list[str], codes: Int[Tensor, "n t"], grid: tuple[int, int], *, preview: bool = False
    ) -> Float[Tensor, "n 3 H W"]:
        """:meth:`ImageTokenizer.decode` for these prompts, one per image.

        ``preview``: the codes are a preview's, which the grid does not tell where both have the same.
        """
        ...


@runtime_checkable
class LoadsLater(Protocol):
    """A tokenizer that is loaded when the first picture is made."""

    def prepare(self) -> None:
        """Load it now, so that what is missing is said before anything is drawn. Raises ConfigError, WeightsError."""
        ...


class ScaleSum(Protocol):
    """The part of a next-scale tokenizer that accumulates scales."""

    def start(self, n: int, device: torch.device | str) -> Float[Tensor, "n d h w"]:
        """The latent of ``n`` images before any scale: zeros."""
        ...

    def accumulate(
        self, latent: Float[Tensor, "n d h w"], codes: Int[Tensor, "n l g"], scale: int
    ) -> Float[Tensor, "n d h w"]:
        """A new latent with the codes of ``scale`` added."""
        ...

    def features(self, latent: Float[Tensor, "n d h w"], scale: int) -> Float[Tensor, "n l c"]:
        """What the transformer reads at ``scale`` (1 or later), given the latent of all scales before it."""
        ...

    def vectors(self, codes: Int[Tensor, "n l g"]) -> Float[Tensor, "n l e"]:
        """The code vector of every token, in fp32."""
        ...


class ScaleTokenizer(ScaleSum, Protocol):
    """A next-scale tokenizer, such as :class:`scalingar.models.var.multiscale_vq.MultiScaleVQ`."""

    def decode(self, latent: Float[Tensor, "n d h w"]) -> Float[Tensor, "n 3 H W"]:
        """RGB of a latent, complete or not: nominally in [-1, 1], unclamped."""
        ...

    def encode(self, images: Float[Tensor, "n 3 H W"]) -> list[Int[Tensor, "n _l g"]]:
        """Codes of every scale of RGB images in [-1, 1]."""
        ...
