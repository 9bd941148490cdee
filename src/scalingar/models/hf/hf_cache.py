"""transformers' key-value cache behind the three words the decoding loop knows: rows, bytes, select."""

from dataclasses import dataclass, field
from typing import Any, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scalingar.core.errors import DecodingError, WeightsError

try:
    from transformers.cache_utils import Cache, DynamicLayer
except ImportError:
    raise WeightsError(
        "Janus and Emu3 run through transformers, which is not installed; install it with 'pip install scalingar[hf]'."
    ) from None


CHUNK = 256
"""Slots by which a layer's room grows: copied once in so many tokens, and no more than that is reserved ahead."""


class RoomyLayer(DynamicLayer):
    """One layer's keys and values, written in place into room that grows by chunks.

    transformers' own growing layer copies all it holds at every token; its static one cannot give rows up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.room: list[Float[Tensor, "n h s d"]] = []
        self.filled = 0

    def update(
        self, key_states: Float[Tensor, "n h q d"], value_states: Float[Tensor, "n h q d"], *args: Any, **kwargs: Any
    ) -> tuple[Float[Tensor, "n h k d"], Float[Tensor, "n h k d"]]:
        """Append, and return the filled part (views, no copy)."""
        states = (key_states, value_states)
        if not self.is_initialized:
            self.lazy_initialization(*states)
            self.room = [state[:, :, :0] for state in states]
        end = self.filled + key_states.shape[-2]
        for place, state in enumerate(states):
            if end > self.room[place].shape[-2]:
                self._grow(place, end)
            self.room[place][:, :, self.filled : end] = state
        self.filled = end
        return self._look()

    def batch_select_indices(self, indices: Int[Tensor, " m"]) -> None:
        """Keep the given rows; old keys are freed before values are copied."""
        self.keys = self.values = None
        for place in range(len(self.room)):
            self.room[place] = self.room[place].index_select(0, indices)
        self._look()

    def copied(self, rows: Int[Tensor, " m"]) -> "RoomyLayer":
        """The given rows as a layer of their own."""
        copy = RoomyLayer()
        if self.room:
            copy.lazy_initialization(*(room[:0] for room in self.room))
            copy.room = [room.index_select(0, rows) for room in self.room]
            copy.filled = self.filled
            copy._look()
        return copy

    def crop(self, max_length: int) -> None:
        """Forget the slots after the first ``max_length``."""
        self.filled = min(self.filled, max_length)
        self._look()

    def joined(self, other: "RoomyLayer", order: Int[Tensor, " m"]) -> None:
        """Rows of both, of the same length, in ``order``."""
        self.keys = self.values = None
        for place, room in enumerate(self.room):
            both = [room[:, :, : self.filled], other.room[place][:, :, : self.filled]]
            self.room[place] = torch.cat(both).index_select(0, order)
        self._look()

    def _grow(self, place: int, end: int) -> None:
        self.keys = self.values = None  # or the old room would outlive its copy
        old = self.room[place]
        rows, heads, _, width = old.shape
        self.room[place] = old.new_empty(rows, heads, -(-end // CHUNK) * CHUNK, width)
        self.room[place][:, :, : self.filled] = old[:, :, : self.filled]

    def _look(self) -> tuple[Tensor, Tensor]:
        self.keys, self.values = keys, values = tuple(room[:, :, : self.filled] for room in self.room)
        return keys, values


@dataclass
class HFCache:
    """``n`` rows of a language model's cache; every row stands at the same slot.

    ``pads``: empty slots before each row's prompt, ``(n,)``.
    ``ragged``: some row has any; without them attention needs no mask.
    ``ends``: slots filled after each call of :meth:`feed`, the first of which is the prompt's.
    """

    layers: list[RoomyLayer]
    pads: Int[Tensor, " n"]
    ragged: bool
    ends: list[int] = field(default_factory=list)

    @classmethod
    def empty(cls, layers: int, pads: Int[Tensor, " n"]) -> Self:
        """Before the prompts."""
        return cls([RoomyLayer() for _ in range(layers)], pads, bool(pads.any()))

    @property
    def rows(self) -> int:
        """Rows held."""
        return len(self.pads)

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values, with the room they grow into."""
        return sum(room.nbytes for layer in self.layers for room in layer.room)

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows, in the given order; a row may repeat. This cache is spent: its layers are freed one by one,
        so that never more than half a layer exists twice.
        """
        for layer in self.layers:
            layer.batch_select_indices(rows)
        self.pads = self.pads.index_select(0, rows)
        return self

    def copy(self, rows: Int[Tensor, " m"]) -> Self:
        """The given rows as a cache of their own."""
        layers = [layer.copied(rows) for layer in self.layers]
        return type(self)(layers, self.pads.index_select(0, rows), self.ragged, [*self.ends])

    def keep(self) -> None:
        """Nothing to do: nothing is given up while rows live."""

    def rewind(self, fed: int) -> None:
        """Forget what was fed after the prompt and the first ``fed`` codes."""
        del self.ends[fed + 1 :]
        for layer in self.layers:
            layer.crop(self.ends[-1])

    def fits(self, other: Self) -> bool:
        """Both have filled as many slots."""
        return self.ends[-1] == other.ends[-1]

    def join(self, other: Self, order: Int[Tensor, " m"]) -> Self:
        """Rows of both, which fit, in ``order``."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.joined(theirs, order)
        self.pads = torch.cat([self.pads, other.pads]).index_select(0, order)
        self.ragged = self.ragged or other.ragged
        return self

    @property
    def lockstep(self) -> bool:
        """One length for all rows."""
        return True

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> None:
        """Impossible: see ``lockstep``. Raises DecodingError."""
        raise DecodingError("transformers' cache keeps one length for all rows; a row cannot start among others.")

    def feed(self, language_model: Any, ids: Tensor, *, embedded: bool = False) -> Float[Tensor, "n d"]:
        """Run ``q`` new tokens of every row, ids ``(n, q)`` or embeddings ``(n, q, d)``; the last one's hidden state.

        The rows attend to their own prompt and to all that was fed since; positions count from the prompt's start.
        """
        first = self.layers[0].filled
        end = first + ids.shape[1]
        self.ends.append(end)
        slots = torch.arange(end, device=self.pads.device)
        output = language_model(
            **{"inputs_embeds" if embedded else "input_ids": ids},
            attention_mask=self._visible(slots),
            position_ids=(slots[first:] - self.pads[:, None]).clamp_min(0),
            past_key_values=Cache(layers=list(self.layers)),
            use_cache=True,
        )
        return output.last_hidden_state[:, -1]

    def in_step(self, positions: Int[Tensor, " n"]) -> int:
        """The code number (CPU) at which all rows stand. Raises DecodingError if they do not stand together."""
        first, last = int(positions.min()), int(positions.max())
        if first != last:
            raise DecodingError(
                f"rows stand at codes {first} to {last}, and transformers' cache keeps one length for all; "
                "decode trajectories that start together."
            )
        return first

    def _visible(self, slots: Int[Tensor, " k"]) -> Bool[Tensor, "n k"] | None:
        return slots >= self.pads[:, None] if self.ragged else None
