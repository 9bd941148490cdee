"""Trajectories that begin after the others: what they start from, and those that have not joined the batch yet."""

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
from scalingar.strategies.engine.live_batch import Live
from scalingar.strategies.search import Start

Streams = Callable[[Sequence[int], Sequence[list[int]]], Noise]
"""Noise of trajectories ``indices[i]`` of prompt ``i`` under ``seeds[i]``."""


@dataclass(eq=False)
class Group:
    """Trajectories ``indices`` of an image, all at ``position``, that will join the batch together."""

    run: ImageRun
    indices: list[int]
    trajectories: Trajectories
    position: int
    advanced: bool = False
    """Its logits are there."""


@dataclass(frozen=True)
class Source:
    """A trajectory that others can start from: its row in some batch."""

    trajectories: Trajectories
    row: int


class Starts:
    """Keeps, for searches that may start trajectories, the prompt's own beginning and what has finished.

    A new trajectory copies the cache of what it starts from; of its prefix only the last code or scale is fed again,
    for the logits.
    """

    def __init__(self, decoder: Decoder, ledger: Ledger, streams: Streams) -> None:
        self.decoder, self.ledger, self.streams = decoder, ledger, streams
        self._origins: dict[int, Trajectories] = {}
        self._kept: dict[int, dict[int, Source]] = {}
        self._groups: list[Group] = []

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def nbytes(self) -> int:
        """Bytes of all that is kept, and of what waits."""
        kept = {
            id(source.trajectories): source.trajectories for some in self._kept.values() for source in some.values()
        }
        every = [*self._origins.values(), *kept.values(), *(group.trajectories for group in self._groups)]
        return sum(trajectories.nbytes for trajectories in every)

    def keep_origin(self, run: ImageRun, trajectories: Trajectories, row: int) -> None:
        """A row before its first code, with its logits: what fresh trajectories of the prompt start from."""
        if run.search.may_start:
            trajectories.cache.keep()
            rows = torch.tensor([row])
            self._origins[run.number] = trajectories.copy(rows, trajectories.noise.select(rows))

    def keep_finished(self, run: ImageRun, live: Live) -> None:
        """The image's rows that have drawn their last code, before they leave the batch."""
        complete = run.positions == run.setting.total_steps
        if not run.search.may_start or not complete.any():
            return
        rows = torch.from_numpy(run.rows[complete])
        batch = live.trajectories.copy(rows, live.trajectories.noise.select(rows))
        indices = [index for index, ended in zip(run.indices, complete.tolist(), strict=True) if ended]
        self._kept.setdefault(run.number, {}).update({index: Source(batch, row) for row, index in enumerate(indices)})

    def sources(self, run: ImageRun, live: Live | None) -> dict[int, Source]:
        """What the image's trajectories can start from now, by index; nothing for a search that starts none."""
        if not run.search.may_start:
            return {}
        rows = {} if live is None else dict(zip(run.indices, run.rows.tolist(), strict=True))
        alive = {} if live is None else {index: Source(live.trajectories, row) for index, row in rows.items()}
        return {**self._kept.get(run.number, {}), **alive}

    def begin(self, run: ImageRun, start: Start, sources: dict[int, Source]) -> None:
        """Make what the search asked for; it joins the batch later. Raises DecodingError where it cannot start."""
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
                    f"trajectory {prefix.index} of {run.prompt!r} was cut or never was; nothing starts from it."
                )
            drawn = int(source.trajectories.positions[source.row])
            if not 0 < prefix.steps <= min(drawn, run.setting.total_steps - 1):
                raise DecodingError(
                    f"a trajectory cannot start from {prefix.steps} steps of trajectory {prefix.index} of "
                    f"{run.prompt!r}, which has {drawn} of {run.setting.total_steps}."
                )
            rows, index = torch.tensor([source.row]), run.lineage.child(prefix.index, prefix.steps)
            noise = source.trajectories.noise.branch(rows, [index])
            copy = source.trajectories.copy(rows, noise)
            self._add(run, [index], self.decoder.rewind(copy, prefix.steps), prefix.steps)

    def ready(self, live: Live | None) -> list[Group]:
        """Groups that can join the batch now, with their logits; without a batch, those that can make one."""
        if not self._groups:
            return []
        first = min(self._groups, key=lambda group: group.position)
        batch = first.trajectories if live is None else live.trajectories
        chosen = self._groups
        if batch.cache.lockstep:
            at = first.position if live is None else live.position
            chosen = [group for group in self._groups if group.position == at]
        for group in chosen:
            self._advance(group)
        chosen = [group for group in chosen if batch.cache.fits(group.trajectories.cache)]
        self._groups = [group for group in self._groups if group not in chosen]
        return chosen

    def forget(self, run: ImageRun) -> None:
        """The image is done."""
        self._origins.pop(run.number, None)
        self._kept.pop(run.number, None)

    def _add(self, run: ImageRun, indices: list[int], trajectories: Trajectories, position: int) -> None:
        trajectories.indices = torch.tensor(indices)
        run.pending += len(indices)
        twin = next(
            (group for group in self._groups if group.run is run and group.position == position and not group.advanced),
            None,
        )
        if twin is None:
            self._groups.append(Group(run, indices, trajectories, position))
        else:
            twin.trajectories, twin.indices = twin.trajectories.join(trajectories), [*twin.indices, *indices]

    def _advance(self, group: Group) -> None:
        """The logits of the next step; those of the first one are there."""
        if group.position and not group.advanced:
            with self.ledger.timed("transformer"), torch.inference_mode():
                group.trajectories = self.decoder.advance(group.trajectories)
            self.ledger.forward_rows += group.trajectories.cache.rows * self.decoder.tokens_at(group.position)
        group.advanced = True
