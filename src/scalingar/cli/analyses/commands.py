"""``scalingar analyze``: what complete runs say beyond their scores."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from scalingar.cli.terminal import say

if TYPE_CHECKING:
    from scalingar.analysis.outcomes.findings import Findings
    from scalingar.analysis.runs.complete_run import CompleteRun

analyze = typer.Typer(
    no_args_is_help=True,
    help="Ask complete runs what other strategies would have done, and why.",
    rich_markup_mode="rich",
    add_completion=False,
)

Run = Annotated[Path, typer.Argument(help="Complete run: all trajectories finish, made with --all-candidates.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder for table (.md, .csv) and plot (.png).")]
Count = Annotated[int | None, typer.Option("-n", "--num-trajectories", min=1, help="The run's own N if not given.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the division of prompts into halves.")]
_ANALYSIS = Path("analysis")


_DERIVED = "single,random-of-n,most-confident-of-n,pmi-of-n"


@analyze.command()
def derive(
    run: Run,
    strategy: Annotated[
        str | None, typer.Option(help="Strategies, with commas between them.", show_default=_DERIVED)
    ] = None,
    suite: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Labels and strategies of a YAML file instead.")
    ] = None,
    num_trajectories: Count = None,
    reward: Annotated[str | None, typer.Option(help="For the strategies that ask one.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder; each strategy gets one in it.")] = Path(
        "runs"
    ),
) -> None:
    """Write whole runs of other strategies, computed from a complete one; [b]bench report[/] reads them."""
    from scalingar.analysis.replay.derive import derive as write_derived  # noqa: PLC0415
    from scalingar.bench.runs.suite import check_alone, named, read_suite  # noqa: PLC0415

    complete = _complete(run)
    if suite is None:
        usual = {"num_trajectories": complete.trajectories, "reward": next(iter(complete.rewards), None)}
        names = _DERIVED if strategy is None else strategy
        strategies = named(names, {"num_trajectories": num_trajectories, "reward": reward}, usual)
    else:
        check_alone(suite, strategy=strategy, num_trajectories=num_trajectories, reward=reward)
        strategies = read_suite(suite)
    for folder in write_derived(complete, strategies, output):
        say(folder)


@analyze.command()
def signals(run: Run, output: Output = _ANALYSIS) -> None:
    """How well each signal tells right images from wrong ones, step by step: among candidates and across prompts."""
    from scalingar.analysis.studies.signal_study import signal_findings  # noqa: PLC0415

    show(signal_findings(_complete(run)), output)


@analyze.command()
def scaling(run: Run, output: Output = _ANALYSIS) -> None:
    """Score against N and against tokens, for every way of choosing."""
    from scalingar.analysis.studies.scaling import scaling_findings  # noqa: PLC0415

    show(scaling_findings(_complete(run)), output)


@analyze.command()
def gates(
    runs: Annotated[list[Path], typer.Argument(help="Complete runs, or traced runs of scaling-ar.")],
    output: Output = _ANALYSIS,
) -> None:
    """How often each condition of the gate binds, when it cuts, and whether it cuts the right ones."""
    from scalingar.analysis.studies.gates import gate_findings, gate_record  # noqa: PLC0415

    show(gate_findings([gate_record(folder) for folder in runs]), output)


@analyze.command()
def calibration(
    run: Run,
    bins: Annotated[int, typer.Option(min=2, help="Of equal width.")] = 10,
    seed: Seed = 0,
    output: Output = _ANALYSIS,
) -> None:
    """Whether a signal's value says how often an image is right."""
    from scalingar.analysis.studies.calibration import calibration_findings  # noqa: PLC0415

    show(calibration_findings(_complete(run), bins=bins, seed=seed), output)


@analyze.command()
def ablation(run: Run, num_trajectories: Count = None, output: Output = _ANALYSIS) -> None:
    """The paper's ablations of channels and gate, with termination only."""
    from scalingar.analysis.studies.ablation import ablation_findings  # noqa: PLC0415

    show(ablation_findings(_complete(run), num_trajectories), output)


@analyze.command()
def choices(run: Run, num_trajectories: Count = None, output: Output = _ANALYSIS) -> None:
    """What the paper leaves open, each made the other way: cuts, tokens and score, with termination only."""
    from scalingar.analysis.studies.choices import choices_findings  # noqa: PLC0415

    show(choices_findings(_complete(run), num_trajectories), output)


@analyze.command()
def sweep(
    run: Run,
    parameter: Annotated[str, typer.Option(help="Setting of scaling-ar, such as gate.quantile; or 'pick'.")],
    values: Annotated[str, typer.Option(help="With commas between them.")],
    fixed: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Other settings, the default's too.")
    ] = None,
    output: Output = _ANALYSIS,
) -> None:
    """One setting of ScalingAR at many values; 'pick' is the signal that chooses at the end.

    [b]scalingar analyze sweep runs/best-of-n --parameter gate.quantile --values 0.05,0.1,0.2,0.4[/]
    """
    from scalingar.analysis.studies.sweep import sweep_findings  # noqa: PLC0415
    from scalingar.pipeline.recipe import parse_override, parse_overrides  # noqa: PLC0415

    words = [word.strip() for word in values.split(",") if word.strip()]
    parsed = [parse_override(f"value={word}")[1] for word in words]
    show(sweep_findings(_complete(run), parameter, parsed, parse_overrides(fixed or [], "gate.quantile=0.1")), output)


@analyze.command()
def tune(run: Run, seed: Seed = 0, output: Output = _ANALYSIS) -> None:
    """Search a rule that helps on half of the prompts, and tell what it does on the other half."""
    from scalingar.analysis.studies.tune import tune_findings  # noqa: PLC0415

    show(tune_findings(_complete(run), seed), output)


@analyze.command()
def choosing(
    run: Run,
    reward: Annotated[str | None, typer.Option(help="The run's first reward if not given.")] = None,
    seed: Seed = 0,
    output: Output = _ANALYSIS,
) -> None:
    """Rank sums, soft choices and fewer images against an imperfect reward, found on half of the prompts."""
    from scalingar.analysis.studies.choosing import choosing_findings  # noqa: PLC0415

    show(choosing_findings(_complete(run), reward, seed), output)


def _complete(folder: Path) -> "CompleteRun":
    from scalingar.analysis.runs.complete_run import CompleteRun  # noqa: PLC0415

    return CompleteRun.read(folder)


def show(findings: "Findings", folder: Path, more: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Print the table, write table and plot, and ``more`` files with them."""
    from rich.markdown import Markdown  # noqa: PLC0415

    from scalingar.cli.terminal import console as made  # noqa: PLC0415

    paths = findings.write(folder, more)
    console = made()
    if console.is_terminal:
        console.print(Markdown(findings.markdown()))
    else:
        say(findings.markdown(), end="")
    for path in paths:
        say(f"wrote {path}", to_stderr=True)
