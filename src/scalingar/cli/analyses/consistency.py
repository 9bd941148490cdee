"""``scalingar analyze consistency``: how early a reward knows which image will be good."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.model_options import split_model, takes_model
from scalingar.cli.terminal import counted, say
from scalingar.cli.words.prompt_and_settings import prompts_of


@takes_model()
def consistency(
    prompts: Annotated[list[str], typer.Argument(help="In quotes each; or a file of lines; and model.key=value.")],
    reward: Annotated[str, typer.Option(help="By name; see [b]scalingar ls rewards[/].")] = "image-reward",
    num_trajectories: Annotated[int, typer.Option("-n", "--num-trajectories", min=3, help="Of each prompt.")] = 8,
    fill: Annotated[
        str | None,
        typer.Option(help="What stands in for undrawn codes of a next-token image: grey, repeat or blocks."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Keys the noise.")] = 0,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for table (.md, .csv) and plot (.png).")
    ] = Path("analysis"),
    *,
    model: dict[str, Any],
) -> None:
    """How well the reward of a part foretells the finished image's, scale by scale or row by row; nothing is pruned.

    [b]scalingar analyze consistency "a photo of two dogs" --reward embedded --fill repeat[/]

    [b]scalingar analyze consistency prompts.txt --model FoundationVision/Infinity:2b-1024 --device cuda[/]
    """
    from scalingar.analysis.studies.consistency import consistency_findings  # noqa: PLC0415
    from scalingar.cli.analyses.commands import show  # noqa: PLC0415
    from scalingar.core.files import results_in  # noqa: PLC0415
    from scalingar.pipeline.model_choice import ModelChoice  # noqa: PLC0415
    from scalingar.pipeline.pipeline import ImagePipeline  # noqa: PLC0415

    settings, prompts = split_model(prompts)
    listed = prompts_of(prompts)
    texts = list(dict.fromkeys(listed))  # a prompt that counts twice would make intervals too narrow
    if again := len(listed) - len(texts):
        say(f"warning: {counted(again, 'prompt')} that came before left out", to_stderr=True)
    with results_in(output):
        pipe = ImagePipeline.load(ModelChoice.from_dict({**model, **settings}))
        findings = consistency_findings(pipe, texts, reward, trajectories=num_trajectories, seed=seed, fill=fill)
        show(findings, output)
