"""Drawing one prompt with several strategies: a sheet, a table, and a picture of each with its recipe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from scalingar.cli.progress import loading, plain_warnings
from scalingar.cli.run import decode
from scalingar.cli.terminal import console
from scalingar.core.files import results_in
from scalingar.core.outputs import Candidate
from scalingar.core.pixels import png_bytes
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.readiness import check_ready
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.run_folder import own_folder, write_alone
from scalingar.report.contact_sheet import Tile, contact_sheet
from scalingar.report.plain import result_dict
from scalingar.rewards.reward import compares, score_candidates
from scalingar.strategies import Strategy


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
            "image": result_dict(self.output.results[0], steps=False),
            "ledger": self.output.ledger.to_dict(),
        }


def run_comparison(
    recipe: Recipe,
    strategies: Mapping[str, Strategy],
    reward: str | None,
    folder: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw the recipe's prompt with each strategy, and leave ``sheet.png``, pictures and ``comparison.json``.

    Raises:
        ScalingarError: one sentence on what is wrong; nothing is drawn unless every strategy fits the model.
    """
    prompt = recipe.prompt or ""
    check_prompts([prompt])
    folder = own_folder(f"compare {prompt}", recipe.seed) if folder is None else folder
    with results_in(folder), plain_warnings():
        with loading(recipe.model.name, visible=not as_json):
            pipe = ImagePipeline.load(recipe.model)
        recipes = {
            label: recipe.model_copy(update={"strategy": strategy}).resolved(pipe)
            for label, strategy in strategies.items()
        }
        for resolved in recipes.values():
            check_ready(pipe, resolved)
        judge = reward or pipe.own_reward
        judge = None if judge is None or compares(judge) else judge
        rows: list[Row] = []
        for label, resolved in recipes.items():
            output = decode(pipe, resolved, visible=not as_json, what=label)
            best = output.results[0].best
            score = None if judge is None else score_candidates(pipe.reward(judge), judge, [best])[0]
            same = next((row.label for row in rows if torch.equal(row.best.codes, best.codes)), None)
            rows.append(Row(label, output, score, same))
    tiles = [Tile(row.output.pictures[0], row.label, _caption(row, judge)) for row in rows]
    told = {"prompt": prompt, "seed": recipe.seed, "compared_by": judge, "rows": {r.label: r.to_dict() for r in rows}}
    contents = {
        "sheet.png": png_bytes(
            contact_sheet(tiles, prompt),
            f"scalingar: {prompt!r}, seed {recipe.seed}, under {', '.join(strategies)}; recipes are in the images",
        ),
        **{f"image-{number:04d}.png": png_bytes(row.output.pictures[0]) for number, row in enumerate(rows)},
        "comparison.json": json.dumps(told).encode(),
    }
    files = [str(path) for path in write_alone(contents, folder, overwrite=overwrite)]
    if as_json:
        print(json.dumps({**told, "files": files}))
        return
    screen = console(highlight=False)
    screen.print(f"{prompt} (seed {recipe.seed}, the same noise for all)", style="bold", soft_wrap=True)
    screen.print(_table(rows, judge, files[1:]))
    screen.print(files[0], soft_wrap=True)


def _caption(row: Row, judge: str | None) -> str:
    lines = [row.chosen, row.cost]
    if row.reward is not None:
        lines.append(f"{judge} {row.reward:.3f}")
    if row.same_as is not None:
        lines.append(f"the picture of {row.same_as}")
    return "\n".join(lines)


def _table(rows: list[Row], judge: str | None, pictures: list[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    heads = ["strategy", "chosen", "tokens", "seconds", *([] if judge is None else [judge.partition(":")[0]])]
    for name in heads:
        table.add_column(name, justify="left" if name == "strategy" else "right")
    table.add_column("picture", overflow="fold")
    for row, picture in zip(rows, pictures, strict=False):
        ledger = row.output.ledger
        score = [] if row.reward is None else [f"{row.reward:.3f}"]
        where = Path(picture).name + ("" if row.same_as is None else f", as {row.same_as}")
        table.add_row(row.label, row.chosen, str(ledger.tokens), f"{ledger.total_seconds:.2f}", *score, where)
    return table
