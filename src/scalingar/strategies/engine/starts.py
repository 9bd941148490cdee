"""Trajectories started later: the caches they start from, and the groups waiting to join the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from scalingar.core.errors import DecodingError
from scalingar.core.outputs import Ledger
from scalingar.decoding.decoder import Decoder
from scalingar.decoding.noise import Noise
from scalingar.decoding.trajectories import Trajectories
from scalingar.strategies.engine.image_run import ImageRun
from scalingar.strategies.engine.live_batch import LiveBatch
from scalingar.strategies.search import Start

Streams = Callable[[Sequence[int], Sequence[list[int]]], Noise]
"""Noise of trajectories ``indices[i]`` of prompt ``i`` under ``seeds[i]``."""


@dataclass(eq=False)
class Group:
    """Trajectories ``indices`` of an image at the same ``position``, which will join the batch together."""

    run: ImageRun
    indices: list[int]
    trajectories: Trajectories
    position: int
    advanced: bool = False
    """Whether its next logits are computed."""


@dataclass(frozen=True)
class Source:
    """A trajectory that others can start from: a row of a batch."""

    trajectories: Trajectories
    row: int


class Starts:
    """Keeps the prefilled prompts of searches that may start trajectories, and the finished ones they may start from.

    A new trajectory copies the cache of its source; only the last code or scale of its prefix is fed again, for the
    logits.
    """

    def __init__(self, decoder: Decoder, ledger: Ledger, streams: Streams) -> None:
        self.decoder, self.ledger, self.streams = decoder, ledger, streams
        self._origins: dict[int, Trajectories] = {}
        self._kept: dict[int, dict[int, Source]] = {}
        self._groups: list[Group] = []

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def rows(self) -> int:
        """Trajectories that wait to join the batch."""
        return sum(len(group.indices) for group in self._groups)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept and of the waiting groups."""
        sources = [source for by_index in self._kept.values() for source in by_index.values()]
        kept = {id(source.trajectories): source.trajectories for source in sources}
        batches = [*self._origins.values(), *kept.values(), *(group.trajectories for group in self._groups)]
        return sum(batch.nbytes for batch in batches)

    def keep_origin(self, run: ImageRun, trajectories: Trajectories, row: int) -> None:
        """Keep a row before its first code, with its logits, for fresh trajectories of the prompt."""
        if run.search.may_start:
            trajectories.cache.keep()
            rows = torch.tensor([row])
            self._origins[run.number] = trajectories.copy(rows, trajectories.noise.select(rows))

    def keep_finished(self, run: ImageRun, live: LiveBatch) -> None:
        """Keep the image's complete rows before they leave the batch."""
        complete = run.complete
        if not (run.search.may_start and run.search.keeps_finished) or not complete.any():
            return
        rows = torch.from_numpy(run.rows[complete])
        batch = live.trajectories.copy(rows, live.trajectories.noise.select(rows))
        indices = [index for index, ended in zip(run.indices, complete.tolist(), strict=True) if ended]
        self._kept.setdefault(run.number, {}).update({index: Source(batch, row) for row, index in enumerate(indices)})

    def drop_spent(self, run: ImageRun) -> None:
        """Free finished rows that the image's search starts from no more; asked when rows have finished."""
        kept = self._kept.get(run.number)
        if kept:
            still = set(run.search.sources(run.finished))
            self._kept[run.number] = {index: source for index, source in kept.items() if index in still}

    def sources(self, run: ImageRun, live: LiveBatch | None) -> dict[int, Source]:
        """The trajectories of the image that others can start from now, by index."""
        if not run.search.may_start:
            return {}
        rows = {} if live is None else dict(zip(run.indices, run.rows.tolist(), strict=True))
        alive = {} if live is None else {index: Source(live.trajectories, row) for index, row in rows.items()}
        return {**self._kept.get(run.number, {}), **alive}

    def begin(self, run: ImageRun, start: Start, sources: dict[int, Source]) -> None:
        """Create the trajectories of ``start``, which join the batch later. Raises DecodingError if impossible."""
        if not len(start):
            return
        if not run.search.may_start:
            raise DecodingError(f"{type(run.search).__name__} starts trajectories; set its may_start to True.")
        if start.fresh:
            indices = [run.lineage.fresh() for _ in range(start.fresh)]
            noise = self.streams([run.setting.seed], [indices])
            rows = torch.zeros(len(indices), dtype=torch.long)
            self._add(run, indices, self._origins[run.number].copy(rows, noise), 0)
        for prefix in start.prefixes:
            source = sources.get(prefix.index)
            if source is None:
                raise DecodingError(
                    f"trajectory {prefix.index} of {run.prompt!r} was cut or does not exist; start from another one."
                )
            drawn = int(source.trajectories.positions[source.row])
            if not 0 < prefix.steps <= min(drawn, run.setting.total_steps - 1):
                raise DecodingError(
                    f"a trajectory cannot start from {prefix.steps} steps of trajectory {prefix.index} of "
                    f"{run.prompt!r}, which has {drawn} of {run.setting.total_steps}."
                )
            rows, index = torch.tensor([source.row]), run.lineage.child(prefix.index, prefix.steps)
            noise = source.trajectories.noise.branch(rows, [index], greedy=prefix.greedy)
            copy = source.trajectories.copy(rows, noise)
            self._add(run, [index], self.decoder.rewind(copy, prefix.steps), prefix.steps)

    def ready(self, live: LiveBatch | None) -> list[Group]:
        """Groups that can join the batch now, with their logits; without a batch, those that can form one."""
        if not self._groups:
            return []
        first = min(self._groups, key=lambda group: group.position)
        batch = first.trajectories if live is None else live.trajectories
        chosen = self._groups
        if batch.cache.lockstep:
            position = first.position if live is None else live.position
            chosen = [group for group in self._groups if group.position == position]
        for group in chosen:
            self._advance(group)
        chosen = [group for group in chosen if batch.cache.fits(group.trajectories.cache)]
        self._groups = [group for group in self._groups if group not in chosen]
        return chosen

    def forget(self, run: ImageRun) -> None:
        """Free what is kept for an image, and what it has waiting."""
        self._origins.pop(run.number, None)
        self._kept.pop(run.number, None)
        self._groups = [group for group in self._groups if group.run is not run]

    def _add(self, run: ImageRun, indices: list[int], trajectories: Trajectories, position: int) -> None:
        trajectories.indices = torch.tensor(indices)
        run.pending += len(indices)
        for group in self._groups:
            if group.run is run and group.position == position and not group.advanced:
                group.trajectories, group.indices = group.trajectories.join(trajectories), [*group.indices, *indices]
                return
        self._groups.append(Group(run, indices, trajectories, position))

    def _advance(self, group: Group) -> None:
        """Compute the next logits; those of the first step come from the prefill."""
        if group.position and not group.advanced:
            with self.ledger.timed("transformer"), torch.inference_mode():
                group.trajectories = self.decoder.advance(group.trajectories)
            self.ledger.forward_rows += group.trajectories.cache.rows * self.decoder.tokens_at(group.position)
        group.advanced = True
