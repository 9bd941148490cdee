"""What several strategies made of one prompt: rows, a sheet, and files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from rich.table import Table

from scalingar.cli.run import decode
from scalingar.core.outputs import Candidate
from scalingar.core.pixels import png_bytes
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.run_folder import guided
from scalingar.report.contact_sheet import Tile, contact_sheet
from scalingar.report.plain import result_dict
from scalingar.rewards.reward import score_candidates


@dataclass(frozen=True)
class Row:
    """What one strategy made; ``reward``: of its picture, by the reward that all are compared by, if there is one;
    ``same_as``: an earlier strategy that handed the same picture out."""

    label: str
    output: ImageOutput
    reward: float | None
    same_as: str | None

    @property
    def best(self) -> Candidate:
        """The chosen candidate."""
        return self.output.results[0].best

    @property
    def chosen(self) -> str:
        """Which of how many."""
        return f"#{self.best.index} of {len(self.output.candidates[0])}"

    @property
    def cost(self) -> str:
        """Tokens and seconds."""
        return f"{self.output.ledger.tokens} tokens · {self.output.ledger.total_seconds:.2f} s"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "strategy": self.output.infos[0].recipe.to_dict()["strategy"],
            "reward": self.reward,
            "same_as": self.same_as,
            "image": result_dict(self.output.results[0], steps=False, guided=guided(self.output.infos[0])),
            "ledger": self.output.ledger.to_dict(),
        }


@dataclass(frozen=True)
class Comparison:
    """A prompt under each strategy, from the same noise; ``judge``: the reward that all are compared by, or None."""

    prompt: str
    seed: int
    judge: str | None
    rows: list[Row]

    @classmethod
    def drawn(
        cls, pipe: ImagePipeline, prompt: str, recipes: Mapping[str, Recipe], judge: str | None, *, visible: bool
    ) -> "Comparison":
        """Draw it; ``recipes``: resolved, by the labels of the rows. Raises ScalingarError."""
        rows: list[Row] = []
        for label, recipe in recipes.items():
            output = decode(pipe, recipe, [prompt], visible=visible, what=label)
            best = output.results[0].best
            score = None if judge is None else score_candidates(pipe.reward(judge), judge, [best])[0]
            same = next((row.label for row in rows if torch.equal(row.best.codes, best.codes)), None)
            rows.append(Row(label, output, score, same))
        return cls(prompt, next(iter(recipes.values())).seed, judge, rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        rows = {row.label: row.to_dict() for row in self.rows}
        return {"prompt": self.prompt, "seed": self.seed, "compared_by": self.judge, "rows": rows}

    def contents(self) -> dict[str, bytes]:
        """``sheet.png``, the picture of each row with its recipe, and ``comparison.json``."""
        labels = ", ".join(row.label for row in self.rows)
        what = f"scalingar: {self.prompt!r}, seed {self.seed}, under {labels}; recipes are in the images"
        pictures = {f"image-{number:04d}.png": row.output.pictures[0] for number, row in enumerate(self.rows)}
        return {
            "sheet.png": png_bytes(self._sheet(), what),
            **{name: png_bytes(picture) for name, picture in pictures.items()},
            "comparison.json": json.dumps(self.to_dict()).encode(),
        }

    def _sheet(self) -> Image.Image:
        return contact_sheet(
            [Tile(row.output.pictures[0], row.label, self._caption(row)) for row in self.rows], self.prompt
        )

    def _caption(self, row: Row) -> str:
        lines = [row.chosen, row.cost]
        if row.reward is not None:
            lines.append(f"{self.judge} {row.reward:.3f}")
        if row.same_as is not None:
            lines.append(f"the picture of {row.same_as}")
        return "\n".join(lines)

    def table(self, pictures: list[Path]) -> Table:
        """A line per row; ``pictures``: where that of each is."""
        table = plain_table(["strategy", "chosen", "tokens", "seconds", *judged_by(self.judge)])
        table.add_column("picture", overflow="fold")
        for row, picture in zip(self.rows, pictures, strict=True):
            ledger = row.output.ledger
            score = [] if row.reward is None else [f"{row.reward:.3f}"]
            where = picture.name + ("" if row.same_as is None else f", as {row.same_as}")
            table.add_row(row.label, row.chosen, str(ledger.tokens), f"{ledger.total_seconds:.2f}", *score, where)
        return table


def judged_by(judge: str | None) -> list[str]:
    """The heading of a reward's column, without the source of its weights; none without a reward."""
    return [] if judge is None else [judge.partition(":")[0]]


def plain_table(heads: list[str]) -> Table:
    """An empty table without lines: names on the left, numbers on the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, name in enumerate(heads):
        table.add_column(name, justify="right" if place else "left")
    return table
