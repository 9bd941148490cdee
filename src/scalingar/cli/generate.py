"""``scalingar generate``: builds a recipe from options and overrides, and runs it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from scalingar.cli.model_options import takes_model
from scalingar.cli.words.prompt_and_settings import gathered, may_be_prompt, split_words
from scalingar.cli.words.set_once import together

if TYPE_CHECKING:
    from scalingar.pipeline.png import RecipeInfo
    from scalingar.pipeline.recipe import Recipe

_SEARCH, _DRAW, _RUN, _SOURCE = "Search", "Drawing", "Results", "Recipes"


@takes_model()
def generate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]... [KEY=VALUE]...",
            help="What to show, each in quotes, - for lines of standard input; and settings by their dotted names.",
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="More prompts: .txt, .csv, .tsv, .json, .jsonl.", rich_help_panel=_SOURCE),
    ] = None,
    num_trajectories: Annotated[
        int | None, typer.Option("-n", "--num-trajectories", help="N, trajectories per image.", rich_help_panel=_SEARCH)
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="How to search; see [b]scalingar ls[/].", rich_help_panel=_SEARCH)
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Version of the paper: v3, v3-start or v1.", rich_help_panel=_SEARCH)
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(help="For a strategy that asks one; see docs/rewards.md.", rich_help_panel=_SEARCH),
    ] = None,
    verifier: Annotated[
        str | None,
        typer.Option(
            help="Folder of [b]scalingar verifier train[/], or a name; default: the model's own.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Keys the noise.", rich_help_panel=_DRAW)] = None,
    noise: Annotated[
        str | None, typer.Option(help="Made on the 'host' or the 'device'.", rich_help_panel=_DRAW)
    ] = None,
    num_images: Annotated[
        int | None, typer.Option("-k", "--num-images", help="Images of the prompt.", rich_help_panel=_DRAW)
    ] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(help="s_base; 1 turns guidance off.", rich_help_panel=_DRAW)
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Divides the logits.", rich_help_panel=_DRAW)] = None,
    top_k: Annotated[int | None, typer.Option(help="Keep the k likeliest codes; 0 all.", rich_help_panel=_DRAW)] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Keep the codes of this probability.", rich_help_panel=_DRAW)
    ] = None,
    looks_per_batch: Annotated[
        int | None,
        typer.Option(help="Pictures decoded together; 1 on the CPU, else 8 if not given.", rich_help_panel=_RUN),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder of results, of several prompts one in it for each; one that holds results is left alone, and "
            "the next number taken.",
            show_default="out/PROMPT-SEED",
            rich_help_panel=_RUN,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the results in the folder.", rich_help_panel=_RUN)
    ] = False,
    animation: Annotated[
        str | None, typer.Option(help="How it came about, too: gif or webp.", rich_help_panel=_RUN)
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(help="Of the enlarged copy image@4x.png; 1 for none.", rich_help_panel=_RUN),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.", rich_help_panel=_RUN)] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print only paths that --output does not say.",
            rich_help_panel=_RUN,
        ),
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Start from this recipe: a name of [b]scalingar ls recipes[/], or a YAML file.",
            rich_help_panel=_SOURCE,
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="Repeat this picture from its own recipe; with -k or a seed other images like it, from the picture's "
            "own seed on unless one is given.",
            rich_help_panel=_SOURCE,
        ),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the recipe and stop.", rich_help_panel=_SOURCE)
    ] = False,
    *,
    model: dict[str, Any],
) -> None:
    """Generate images, and show how they came about.

    [b]scalingar generate "a photo of a red apple left of a dog" -n 8 strategy.gate.quantile=0.1[/]
    """
    values: dict[str, Any] = {
        "strategy.name": strategy,
        "strategy.preset": preset,
        "strategy.num_trajectories": num_trajectories,
        "strategy.reward": reward,
        "strategy.verifier": verifier,
        "seed": seed,
        "noise": noise,
        "num_images_per_prompt": num_images,
        "guidance_scale": guidance_scale,
        "sampling.temperature": temperature,
        "sampling.top_k": top_k,
        "sampling.top_p": top_p,
        "looks_per_batch": looks_per_batch,
        **{f"model.{name}": value for name, value in model.items()},
    }
    named, overrides = split_words(words or [])
    texts = gathered(named, prompts)
    listed = prompts is not None or len(texts) > 1 or named == ["-"]
    values = {name: value for name, value in values.items() if value is not None}
    values |= {} if listed or not texts else {"prompt": texts[0]}
    if config is not None and like is not None:
        raise typer.BadParameter("--config and --like both give a recipe; choose one")
    if listed and (like is not None or print_config):
        raise typer.BadParameter("--like and --print-config are for one prompt; leave the list of prompts out")
    info = None if like is None else _info(like)
    # Together, because which strategy is the default depends on the model.
    values = together(values, overrides)
    anew = info is not None and not {"seed", "num_images_per_prompt"}.isdisjoint(values)
    base = info.alone if info is not None and anew else _base(config, info)
    recipe = _recipe(base, values, words or [])
    if print_config:
        from scalingar.cli.terminal import can_write, say  # noqa: PLC0415
        from scalingar.pipeline.annotated import annotated_yaml  # noqa: PLC0415

        text = annotated_yaml(recipe)
        say(text if can_write(text) else annotated_yaml(recipe, ascii_only=True), end="")
    elif listed:
        _run_list(recipe, texts, output, _Results(overwrite, as_json, quiet, animation, scale))
    elif recipe.prompt is None:
        raise typer.BadParameter("there is no prompt; say in quotes what the image should show")
    else:
        source = None if like is None or info is None else _Source(like, info, anew)
        _run(recipe, output, source, _Results(overwrite, as_json, quiet, animation, scale))


def _info(like: Path) -> "RecipeInfo":
    from scalingar.pipeline.png import read_recipe  # noqa: PLC0415

    return read_recipe(like)


def _recipe(base: "Recipe", values: dict[str, Any], words: list[str]) -> "Recipe":
    """The base with these values. Raises ConfigError, with a hint where a prompt may have been taken for a setting."""
    from scalingar.core.errors import ConfigError  # noqa: PLC0415

    try:
        return base.with_values(values)
    except ConfigError as error:
        if (prompt := may_be_prompt(words)) is None:
            raise
        raise ConfigError(f"{error} If {prompt!r} is the prompt, write it after --.") from None


def _base(config: str | None, info: "RecipeInfo | None") -> "Recipe":
    from scalingar.pipeline.recipe import Recipe  # noqa: PLC0415

    if info is not None:
        return info.recipe
    return Recipe() if config is None else Recipe.from_yaml(config)


class _Results(NamedTuple):
    """What is done with the results."""

    overwrite: bool
    as_json: bool
    quiet: bool
    animation: str | None
    scale: int | None


class _Source(NamedTuple):
    """The picture of ``--like``; ``anew``: a call of its own begins, instead of that picture's."""

    path: Path
    info: "RecipeInfo"
    anew: bool


def _run(recipe: "Recipe", output: Path | None, source: _Source | None, results: _Results) -> None:
    from scalingar.cli.repeat import Repeat  # noqa: PLC0415
    from scalingar.cli.run import Show, run  # noqa: PLC0415
    from scalingar.pipeline.run_folder import Extras  # noqa: PLC0415

    repeat = None if source is None else Repeat.of(source.path, source.info, anew=source.anew)
    show, extras = Show.of(as_json=results.as_json, quiet=results.quiet), Extras(results.animation, results.scale)
    run(recipe, output, show, repeat, overwrite=results.overwrite, extras=extras)


def _run_list(recipe: "Recipe", prompts: list[str], output: Path | None, results: _Results) -> None:
    from scalingar.cli.many.run_list import run_list  # noqa: PLC0415
    from scalingar.cli.run import Show  # noqa: PLC0415
    from scalingar.pipeline.run_folder import Extras  # noqa: PLC0415

    show, extras = Show.of(as_json=results.as_json, quiet=results.quiet), Extras(results.animation, results.scale)
    run_list(recipe, prompts, output, show, overwrite=results.overwrite, extras=extras)
