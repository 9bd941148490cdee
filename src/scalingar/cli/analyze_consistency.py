"""``scalingar analyze consistency``: how early a reward knows which image will be good."""

from pathlib import Path
from typing import Annotated

import typer


def consistency(
    prompts: Annotated[list[str], typer.Argument(help="In quotes each; or a file with one in each line.")],
    model: Annotated[str, typer.Option(help="A next-scale model: a file or folder, or a hub name.")],
    reward: Annotated[str, typer.Option(help="By name; see [b]scalingar ls rewards[/].")] = "image-reward",
    num_trajectories: Annotated[int, typer.Option("-n", "--num-trajectories", min=3, help="Of each prompt.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Keys the noise.")] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, xpu.")] = "cpu",
    dtype: Annotated[str, typer.Option(help="fp32, bf16 or fp16.")] = "fp32",
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for table (.md, .csv) and plot (.png).")
    ] = Path("analysis"),
) -> None:
    """How well the reward after each scale foretells that of the finished image; nothing is pruned.

    [b]scalingar analyze consistency prompts.txt --model FoundationVision/Infinity:2b-1024 --device cuda[/]
    """
    from scalingar.analysis.studies.consistency import consistency_findings  # noqa: PLC0415
    from scalingar.cli.analyze import show  # noqa: PLC0415
    from scalingar.cli.run import load  # noqa: PLC0415
    from scalingar.core.files import check_writable  # noqa: PLC0415
    from scalingar.pipeline.recipe import Recipe  # noqa: PLC0415

    check_writable(output)
    pipe = load(Recipe.from_dict({"model": model, "device": device, "dtype": dtype}))
    findings = consistency_findings(pipe, _read(prompts), reward, trajectories=num_trajectories, seed=seed)
    show(findings, output)


def _read(prompts: list[str]) -> list[str]:
    """The prompts themselves, or the lines of a single file. Raises ConfigError."""
    from scalingar.core.errors import ConfigError  # noqa: PLC0415

    place = Path(prompts[0])
    if len(prompts) > 1 or not place.is_file():
        return prompts
    try:
        lines = [line.strip() for line in place.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"cannot read the prompts in {place}; give a text file with one in each line.") from None
    return [line for line in lines if line]
