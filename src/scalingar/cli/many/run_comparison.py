"""Drawing prompts with several strategies: for each a sheet, a table, and pictures with their recipes."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from scalingar.cli.many.comparison import Comparison, judged_by, plain_table
from scalingar.cli.many.own_folders import OwnFolders
from scalingar.cli.progress import loading, looks_with
from scalingar.cli.terminal import console
from scalingar.core.files import results_in
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.readiness import check_ready
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.run_folder import RESULTS, own_folder, write_alone
from scalingar.rewards.reward import compares
from scalingar.strategies import Strategy


def run_comparison(
    recipe: Recipe,
    prompts: Sequence[str],
    strategies: Mapping[str, Strategy],
    reward: str | None,
    folder: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw each prompt with each strategy, and leave ``sheet.png``, pictures and ``comparison.json``.

    Of one prompt they go to ``folder``, in ``out`` one named by prompt and seed if None; of several to one in it for
    each, and a table of all is the last.

    Raises:
        ScalingarError: one sentence on what is wrong; nothing is drawn unless every strategy fits the model.
    """
    check_prompts(list(prompts))
    several = len(prompts) > 1
    among = folder or (RESULTS if several else own_folder(f"compare {prompts[0]}", recipe.seed))
    places, done = OwnFolders(among, overwrite=overwrite), list[Comparison]()
    screen = console(highlight=False)
    with results_in(among):
        with loading(recipe.model.name, visible=not as_json):
            pipe = ImagePipeline.load(recipe.model)
        recipes = {
            label: recipe.model_copy(update={"strategy": strategy}).resolved(pipe)
            for label, strategy in strategies.items()
        }
        for resolved in recipes.values():
            asked = looks_with(resolved.strategy)
            with loading(asked, visible=not as_json and asked != ""):
                check_ready(pipe, resolved)
        for prompt in prompts:
            pipe.encode_prompts([prompt])  # all before the first is drawn
        judge = reward or pipe.own_reward
        judge = None if judge is None or compares(judge) else judge
        for prompt in prompts:
            compared = Comparison.drawn(pipe, prompt, recipes, judge, visible=not as_json)
            place = places.of(f"compare {prompt}", recipe.seed) if several else among
            _tell(compared, write_alone(compared.contents(), place, overwrite=overwrite), screen, as_json=as_json)
            done.append(compared)
    if several and not as_json:
        screen.print(f"{len(done)} prompts", style="bold")
        screen.print(_summary(done))


def _tell(compared: Comparison, files: list[Path], screen: Console, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**compared.to_dict(), "files": [str(path) for path in files]}), flush=True)
        return
    screen.print(f"{compared.prompt} (seed {compared.seed}, the same noise for all)", style="bold", soft_wrap=True)
    screen.print(compared.table(files[1 : 1 + len(compared.rows)]))
    screen.print(str(files[0]), soft_wrap=True)


def _summary(done: Sequence[Comparison]) -> Table:
    """Means over the prompts with their standard errors."""
    table = plain_table(["strategy", "tokens/image", "s/image", *judged_by(done[0].judge)])
    for rows in zip(*(compared.rows for compared in done), strict=True):
        ledgers = [row.output.ledger for row in rows]
        scores = [row.reward for row in rows if row.reward is not None]
        table.add_row(
            rows[0].label,
            _mean([ledger.tokens for ledger in ledgers], 0),
            _mean([ledger.total_seconds for ledger in ledgers], 2),
            *([_mean(scores, 3)] if scores else []),
        )
    return table


def _mean(values: Sequence[float], decimals: int) -> str:
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return f"{np.mean(values):.{decimals}f} ± {error:.{decimals}f}"
