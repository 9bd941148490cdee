"""``scalingar compare``: what several strategies make of prompts, each from the same noise."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.comparison_options import PANEL, STRATEGIES, Strategies, Suite, Trajectories
from scalingar.cli.model_options import takes_model
from scalingar.cli.terminal import counted, say
from scalingar.cli.words.prompt_and_settings import gathered, split_words
from scalingar.cli.words.set_once import together

_DRAW, _RUN = "Drawing", "Results"


@takes_model()
def compare(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PROMPT]... [KEY=VALUE]...",
            help="Each in quotes, - for lines of standard input; and settings by their dotted names.",
        ),
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="More prompts: .txt, .csv, .tsv, .json, .jsonl.", rich_help_panel=PANEL),
    ] = None,
    strategy: Strategies = None,
    suite: Suite = None,
    num_trajectories: Trajectories = None,
    reward: Annotated[
        str | None,
        typer.Option(
            help="For strategies that ask one, and for the comparison; the model's own if not given.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    verifier: Annotated[
        str | None, typer.Option(help="For the strategies that use one: its folder.", rich_help_panel=PANEL)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Keys the noise.", rich_help_panel=_DRAW)] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(help="s_base; 1 turns guidance off.", rich_help_panel=_DRAW)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Folder of results, of several prompts one in it for each.",
            show_default="out/compare-PROMPT-SEED",
            rich_help_panel=_RUN,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the results in the folder.", rich_help_panel=_RUN)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.", rich_help_panel=_RUN)] = False,
    *,
    model: dict[str, Any],
) -> None:
    """Draw a prompt with several strategies from the same noise, and show what each hands out and what it costs.

    Of several prompts each is drawn by itself, and means with standard errors are the last table.

    [b]scalingar compare "a photo of a red apple left of a dog" --strategy single,best-of-n,scaling-ar[/]
    """
    from scalingar.bench.runs.suite import check_alone, named, read_suite  # noqa: PLC0415
    from scalingar.cli.many.run_comparison import run_comparison  # noqa: PLC0415
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.pipeline.recipe import Recipe, default_strategy  # noqa: PLC0415

    given, settings = split_words(words or [])
    listed = gathered(given, prompts)
    texts = list(dict.fromkeys(listed))  # a prompt that counts twice would make errors too small
    if again := len(listed) - len(texts):
        say(f"warning: {counted(again, 'prompt')} that came before left out", to_stderr=True)
    options: dict[str, Any] = {
        "prompt": texts[0] if texts else None,
        "seed": seed,
        "guidance_scale": guidance_scale,
        **{f"model.{name}": value for name, value in model.items()},
    }
    values = together({name: value for name, value in options.items() if value is not None}, settings)
    for name in values:
        if name.partition(".")[0] in ("strategy", "num_images_per_prompt"):
            raise ConfigError(
                f"{name} is no setting of a comparison, which draws one image with each strategy; name strategies with "
                "--strategy, N with -n, and their settings in a file for --suite."
            )
    recipe = Recipe().with_values(values)
    if recipe.prompt is None:
        raise typer.BadParameter("there is no prompt; say in quotes what the image should show")
    if suite is None:
        names = f"{STRATEGIES},{default_strategy(recipe.model)}" if strategy is None else strategy
        # The reward is for the comparison, too, whatever the strategies ask.
        strategies = named(names, {"num_trajectories": num_trajectories, "verifier": verifier}, {"reward": reward})
    else:
        check_alone(suite, strategy=strategy, num_trajectories=num_trajectories, verifier=verifier)
        strategies = read_suite(suite)
    run_comparison(recipe, texts or [recipe.prompt], strategies, reward, output, overwrite=overwrite, as_json=as_json)
