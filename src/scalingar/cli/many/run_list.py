"""Running a recipe on a list of prompts, each of which gets a folder of its own."""

import json
from collections.abc import Sequence
from pathlib import Path

from scalingar.cli.many.own_folders import OwnFolders
from scalingar.cli.progress import loading
from scalingar.cli.run import Show, decode, strategy_line
from scalingar.cli.terminal import console, counted, say
from scalingar.core.files import results_in
from scalingar.core.outputs import Ledger
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.run_folder import RESULTS, Extras, run_dict, write_run


def run_list(
    recipe: Recipe,
    prompts: Sequence[str],
    folder: Path | None,
    show: Show,
    *,
    overwrite: bool = False,
    extras: Extras | None = None,
) -> None:
    """One prompt after the other, so that what is done is on disk; those that share a budget together.

    Results go to ``folder/PROMPT-SEED``, in ``out`` if None. ``Show.JSON``: an object per line and prompt.

    Raises:
        ScalingarError: one sentence on what is wrong; nothing is drawn if one of the prompts cannot be read.
    """
    check_prompts(list(prompts))
    total, done, places = Ledger(), 0, OwnFolders(folder, overwrite=overwrite)
    screen = console(highlight=False)
    with results_in(folder or RESULTS):
        with loading(recipe.model.name, visible=show is Show.TABLES):
            pipe = ImagePipeline.load(recipe.model)
        for prompt in prompts:
            pipe.encode_prompts([prompt])  # all before the first is drawn
        for call in [list(prompts)] if recipe.strategy.together else [[prompt] for prompt in prompts]:
            what = f"prompt {done + 1} of {len(prompts)}" if len(call) == 1 else f"{len(call)} prompts"
            output = decode(pipe, recipe, call, visible=show is Show.TABLES, what=what)
            if not done and show is Show.TABLES:
                screen.print(strategy_line(output), soft_wrap=True)
            for prompt, part in zip(call, output.by_prompt(), strict=True):
                place = places.of(prompt, recipe.seed)
                files = [str(path) for path in write_run(part, place, overwrite=overwrite, extras=extras)]
                if show is Show.JSON:
                    print(json.dumps({**run_dict(part, steps=False), "files": files}), flush=True)
                else:
                    for line in _lines(part, files) if show is Show.TABLES else files[: len(part.results)]:
                        say(line)
            total.add(output.ledger)
            done += len(call)
    if show is Show.TABLES:
        screen.print(f"{counted(done, 'prompt')}, {total.tokens} tokens, {total.total_seconds:.2f} s", style="bold")


def _lines(output: ImageOutput, files: Sequence[str]) -> list[str]:
    """For each image what was drawn and chosen, and where it is."""
    return [
        f"{file}  #{result.chosen} of {len(result.candidates)}, {sum(each.drawn for each in result.candidates)} tokens"
        for result, file in zip(output.results, files, strict=False)
    ]
