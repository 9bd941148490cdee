"""Running a recipe: load, decode, write, print."""

import json
from contextlib import nullcontext
from enum import Enum, auto
from itertools import chain, islice
from pathlib import Path
from typing import Self

from scalingar.cli.progress import follow, loading, looks_with
from scalingar.cli.repeat import Repeat
from scalingar.cli.terminal import console, say
from scalingar.core.files import results_in
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.pipeline.run_folder import Extras, own_folder, run_dict, write_run
from scalingar.report import ledger_table, trajectory_table
from scalingar.report.plain import signal_words
from scalingar.strategies.build_strategy import strategy_name


class Show(Enum):
    """What goes to stdout."""

    TABLES = auto()
    JSON = auto()
    PATHS = auto()
    """Of the pictures, unless they are where the user said."""

    @classmethod
    def of(cls, *, as_json: bool, quiet: bool) -> Self:
        """As the options say."""
        return cls.JSON if as_json else cls.PATHS if quiet else cls.TABLES


def run(
    recipe: Recipe,
    folder: Path | None,
    show: Show,
    repeat: Repeat | None = None,
    *,
    overwrite: bool = False,
    extras: Extras | None = None,
) -> None:
    """Follow a recipe and leave its results in ``folder``; None: in one named by prompt and seed.

    Raises:
        ScalingarError: one sentence on what is wrong; a folder that cannot be written is refused before decoding.
    """
    check_prompts([recipe.prompt or ""])
    given = folder
    folder = own_folder(recipe.prompt or "", recipe.seed) if folder is None else folder
    with results_in(folder), nullcontext() if repeat is None else repeat.threads():
        with loading(recipe.model.name, visible=show is Show.TABLES):
            pipe = ImagePipeline.load(recipe.model)
        if repeat is not None:
            repeat.info.check_weights(pipe.hashes, repeat.source)
            verifier = pipe.verifier_of(recipe.strategy)
            if verifier is not None:
                repeat.info.check_verifier(verifier, repeat.source)
        output = decode(pipe, recipe, visible=show is Show.TABLES)
        full_tokens = output.full_tokens
        if repeat is not None:
            output = repeat.wanted(output)
        files = [str(path) for path in write_run(output, folder, overwrite=overwrite, extras=extras)]
    equal = repeat is not None and repeat.promises_equality(output.infos[0])
    if repeat is not None and equal:
        repeat.check(output.pictures[0])
    if show is Show.JSON:
        print(json.dumps({**run_dict(output, steps=False), "files": files, "identical": equal or None}))
    elif show is Show.TABLES:
        print_tables(output, full_tokens, files, repeat.source if repeat is not None and equal else None)
    elif Path(files[0]).parent != given:
        for picture in files[: len(output.results)]:
            say(picture)


def decode(
    pipe: ImagePipeline, recipe: Recipe, prompts: list[str] | None = None, *, visible: bool, what: str = "drawing"
) -> ImageOutput:
    """Run the strategy, on the recipe's own prompt or others, with a bar named ``what`` on stderr if ``visible``."""
    encoder = getattr(pipe.encode_prompts, "path", None)  # of those that are read when the first prompt is
    parts = [*([] if encoder is None else [f"the text encoder {encoder}"]), looks_with(recipe.strategy)]
    awaited = ", ".join(filter(None, parts))
    with loading(awaited, visible=visible and awaited != ""):
        stream = pipe.stream(**{**recipe.arguments(), **({} if prompts is None else {"prompt": prompts})})
        first = list(islice(stream, 1))
    follow(chain(first, stream), visible=visible, what=what)
    return stream.output


def strategy_line(output: ImageOutput) -> str:
    """The strategy, and the reward that it asked or the signal that it chose by."""
    strategy = output.infos[0].recipe.strategy
    reward = strategy.needs().reward
    signal = strategy.chosen_by()
    by = "" if signal is None else f", choosing by {signal_words(signal)}"
    return f"strategy {strategy_name(strategy)}" + (by if reward is None else f", asking the reward {reward}")


def print_tables(output: ImageOutput, full_tokens: int, files: list[str], identical_to: Path | None) -> None:
    """Print a table per image, the ledger, and where everything is."""
    screen = console(highlight=False)
    screen.print(strategy_line(output), soft_wrap=True)
    for result in output.results:
        screen.print(f"{result.prompt} (seed {result.seed})", style="bold", soft_wrap=True)
        if result.second_prompt is not None:
            same = result.second_prompt == result.prompt
            screen.print(f"second prompt: {'the same' if same else result.second_prompt}", soft_wrap=True)
        screen.print(trajectory_table(result, output.infos[0].recipe.strategy.chosen_by()))
        screen.print()
    screen.print(ledger_table(output.ledger, full_tokens))
    screen.print()
    if identical_to is not None:
        screen.print(f"identical to {identical_to}, pixel by pixel", soft_wrap=True)
    pictures, others = files[: len(output.results)], files[len(output.results) :]
    screen.print(f"wrote {', '.join(Path(file).name for file in others)} beside", soft_wrap=True)
    for picture in pictures:
        screen.print(picture, soft_wrap=True)
