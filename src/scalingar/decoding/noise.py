"""Random streams of trajectories.

A draw is a pure function of (seed, trajectory, step), independent of the batch, the live rows and the number of
machines. So candidate 3 of Best-of-8 is candidate 3 of ScalingAR before any decision, and can be drawn again alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import DecodingError


class Noise(Protocol):
    """Exp(1) noise for the rows of a live batch; ``argmax(p / noise)`` is a draw from ``p``."""

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """One fp32 row per live row; ``steps``: each row's position in its own stream, on the CPU or on ``device``."""
        ...

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The streams of the given rows; the second and later copies of a row get new streams."""
        ...

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> Self:
        """These streams with those of ``rows`` replaced by ``fresh``."""
        ...

    def join(self, other: Self) -> Self:
        """These streams, then those of ``other``."""
        ...

    def branch(self, rows: Int[Tensor, " m"], names: Sequence[int], *, greedy: bool = False) -> Self:
        """Streams for trajectories that continue these rows under new names; ``greedy``: all ones, so p decides."""
        ...


@dataclass(frozen=True)
class KeyedNoise:
    """Base of noise with a stream of its own per trajectory, keyed by (seed, trajectory).

    ``keys``: ``(n, 2)`` uint64, one key per row.
    ``forks``: ``(n,)`` int64, how many copies each row's stream has had; counted per row, so that the stream of a copy
    does not depend on what else was copied in the batch.
    ``greedy``: ``(n,)``, rows whose noise is all ones, so that they draw the likeliest code.
    """

    keys: NDArray[np.uint64]
    forks: NDArray[np.int64]
    greedy: NDArray[np.bool_]

    @classmethod
    def streams(cls, seed: int, trajectories: list[int]) -> Self:
        """The streams of the given trajectories under one seed (any non-negative integer)."""
        return cls.for_prompts([seed], [trajectories])

    @classmethod
    def for_prompts(cls, seeds: Sequence[int], indices: Sequence[list[int]]) -> Self:
        """The streams of trajectories ``indices[i]`` of prompt ``i``, under ``seeds[i]``, one after the other."""
        pairs = zip(seeds, indices, strict=True)
        return cls._fresh([_key(seed, index) for seed, group in pairs for index in group])

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """See :class:`Noise`."""
        order = rows.tolist()
        keys, forks, greedy = self.keys[order], self.forks[order], self.greedy[order]
        first: dict[int, int] = {}
        for new, row in enumerate(order):
            parent = first.setdefault(row, new)
            if parent != new:
                forks[parent] += 1
                forks[new] = 0
                greedy[new] = False
                keys[new] = _key([int(word) for word in self.keys[row]], int(forks[parent]))
        return replace(self, keys=keys, forks=forks, greedy=greedy)

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> Self:
        """See :class:`Noise`."""
        keys, forks, greedy = self.keys.copy(), self.forks.copy(), self.greedy.copy()
        places = rows.numpy()
        keys[places], forks[places], greedy[places] = fresh.keys, fresh.forks, fresh.greedy
        return replace(self, keys=keys, forks=forks, greedy=greedy)

    def join(self, other: Self) -> Self:
        """See :class:`Noise`."""
        return replace(
            self,
            keys=np.concatenate([self.keys, other.keys]),
            forks=np.concatenate([self.forks, other.forks]),
            greedy=np.concatenate([self.greedy, other.greedy]),
        )

    def branch(self, rows: Int[Tensor, " m"], names: Sequence[int], *, greedy: bool = False) -> Self:
        """See :class:`Noise`. Keyed by the parent's stream and the name, distinct from the streams of copies."""
        pairs = zip(rows.tolist(), names, strict=True)
        keys = [_key([int(word) for word in self.keys[row]], 0, name) for row, name in pairs]
        return self._fresh(keys, greedy=greedy)

    @classmethod
    def _fresh(cls, keys: list[NDArray[np.uint64]], *, greedy: bool = False) -> Self:
        return cls(np.stack(keys), np.zeros(len(keys), np.int64), np.full(len(keys), greedy))


class TrajectoryNoise(KeyedNoise):
    """Counter-based streams (Philox4x64-10) addressed by step, made on the host by NumPy."""

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`Noise`. Drawn on the CPU, so that every device sees the same numbers."""
        out = np.empty((len(self.keys), size), np.float32)
        for row, (key, step) in enumerate(zip(self.keys, steps.tolist(), strict=True)):
            # Drawing increments the first word; steps are in the third and never overlap.
            counter = np.array([0, 0, step, 0], np.uint64)
            generator = np.random.Generator(np.random.Philox(key=key, counter=counter))
            generator.standard_exponential(dtype=np.float32, out=out[row])
        out[self.greedy] = 1
        # An exact zero would make p / noise NaN for a filtered code.
        return to_device(torch.from_numpy(np.maximum(out, np.finfo(np.float32).tiny)), device)


def _key(entropy: int | list[int], *child: int) -> NDArray[np.uint64]:
    # A spawn key distinguishes (2**32, 0) from (0, 1); as plain entropy their words would be the same.
    words = np.random.SeedSequence(entropy, spawn_key=child).generate_state(2, np.uint64)
    return words.astype(np.uint64)


class SharedNoise:
    """Base of noise that is independent of the rows."""

    def select(self, rows: Int[Tensor, " m"]) -> Self:
        """The same."""
        return self

    def overwrite(self, rows: Int[Tensor, " m"], fresh: Self) -> Self:
        """The same."""
        return self

    def join(self, other: Self) -> Self:
        """The same."""
        return self

    def branch(self, rows: Int[Tensor, " m"], names: Sequence[int], *, greedy: bool = False) -> Self:
        """The same. Raises DecodingError for a greedy continuation, of which this noise knows no row."""
        if greedy:
            raise DecodingError(f"{type(self).__name__} is one for all rows; none of them can be greedy alone.")
        return self


@dataclass(frozen=True)
class GeneratorNoise(SharedNoise):
    """One generator fills the whole ``(n, size)`` draw, as torch.multinomial would: for parity with other code."""

    generator: torch.Generator

    def exponential(self, steps: Int[Tensor, " n"], size: int, device: torch.device) -> Float[Tensor, "n size"]:
        """See :class:`Noise`; ``steps`` only gives the number of rows; the generator's state is the position."""
        noise = torch.empty(len(steps), size, device=self.generator.device)
        return to_device(noise.exponential_(1.0, generator=self.generator), device)
