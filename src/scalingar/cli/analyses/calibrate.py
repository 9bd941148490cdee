"""``scalingar calibrate``: a budget per prompt from a complete run."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from scalingar.cli.analyses.commands import Run, Seed, show


def calibrate(
    run: Run,
    strategy: Annotated[
        str, typer.Option(help="stop-when-good, a rule per prompt; or allocate, a budget per call.")
    ] = ("stop-when-good"),
    trajectories: Annotated[float | None, typer.Option(help="Largest mean number of trajectories per image.")] = None,
    reach: Annotated[float | None, typer.Option(help="Score to reach at the least cost, by the run's judge.")] = None,
    wave: Annotated[int, typer.Option(help="k of stop-when-good, drawn together before the next look.")] = 1,
    pool: Annotated[int, typer.Option(min=1, help="Images of a prompt to take together, for as many times N.")] = 1,
    reward: Annotated[str | None, typer.Option(help="The run's first reward if not given.")] = None,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for recipe, table and plot.")] = Path("budget"),
) -> None:
    """Find how many trajectories each prompt needs, on half of a run's prompts; tell it on the other half.

    [b]scalingar calibrate runs/best-of-8 --trajectories 4 -o budget[/]
    [b]scalingar generate "a photo of a dog" --config budget/recipe.yaml -o out[/]
    """
    from scalingar.analysis.runs.complete_run import CompleteRun  # noqa: PLC0415
    from scalingar.analysis.runs.pooled_run import PooledRun  # noqa: PLC0415
    from scalingar.analysis.studies.budget import budget_findings  # noqa: PLC0415
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.core.files import results_in  # noqa: PLC0415
    from scalingar.rewards.intrinsic import INTRINSIC  # noqa: PLC0415
    from scalingar.strategies.build_strategy import build_strategy  # noqa: PLC0415

    if strategy not in ("stop-when-good", "allocate"):
        raise ConfigError(f"--strategy is {strategy!r}; choose from stop-when-good, allocate.")
    complete = CompleteRun.read(run)
    complete = complete if pool == 1 else PooledRun.of(complete, pool)
    recorded = list(complete.rewards)
    name = reward if reward is not None else next(iter(recorded), None)
    if name is None:
        raise ConfigError(f"{run} recorded no reward; give a run of best-of-n, or --reward with a signal's name.")
    own = name.replace("_", "-")
    if name not in recorded and own not in INTRINSIC:
        known = ", ".join([*recorded, *INTRINSIC])
        raise ConfigError(f"{name!r} is no reward that a strategy could stop by in {run}; choose from {known}.")
    asked, name = (name, name) if name in recorded else (own.replace("-", "_"), own)
    kind: Literal["stop-when-good", "allocate"] = "allocate" if strategy == "allocate" else "stop-when-good"
    with results_in(output):
        rule, findings = budget_findings(
            complete, asked, kind, wave=wave, trajectories=trajectories, reach=reach, seed=seed
        )
        settings = {"num_trajectories": complete.trajectories, "reward": name, "rule": rule.model_dump()}
        recipe = complete.plan.recipe.model_copy(update={"strategy": build_strategy({"name": kind, **settings})})
        show(findings, output, {"recipe.yaml": recipe.to_yaml().encode()})
