"""From folders of runs to docs/data: ``python -m results.collect RUNS``.

RUNS holds what the commands on the pages leave there. Runs are packed; what needs their traces, which are too large for
the repository, is computed here and kept as tables (CSV), two of them with their figures. The consistency curve is
copied from what `analyze consistency` writes.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from results.packs import pack
from results.runs import COMPLETE, DATA
from scalingar.analysis.outcomes.findings import Findings
from scalingar.analysis.replay.derive import derive
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.analysis.studies.ablation import ablation_findings
from scalingar.analysis.studies.choices import choices_findings
from scalingar.analysis.studies.gates import gate_findings, gate_record
from scalingar.analysis.studies.scaling import scaling_findings
from scalingar.analysis.studies.signal_study import signal_findings
from scalingar.analysis.studies.sweep import sweep_findings
from scalingar.analysis.studies.tune import tune_findings
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.results import RESULTS
from scalingar.bench.runs.suite import read_suite
from scalingar.report.figure import png_bytes

GROUPS = {
    "geneval": "next-token",
    "schedule": "schedule",
    "guidance": "guidance",
    "plain": "plain",
    "odd": "odd",
    "tts-var": "next-scale",
    "tts-var-ablation": "next-scale",
    "rivals": "rivals",
    "rivals-next-scale": "rivals-next-scale",
    "verifier": "verifier",
    "verifier-next-scale": "verifier-next-scale",
    "verifier-8": "verifier-budget",
    "next-scale": "budget-next-scale",
}
"""Folder of runs → folder of packs."""
NEED_TRACES = ("termination-only", "termination-only-start", "termination-only-v1", "successive-halving")
SWEEPS: dict[str, tuple[float, ...]] = {
    "profile.intrinsic_weight": (0, 0.25, 0.5, 0.75, 0.9, 1),
    "profile.alpha_entropy": (0, 0.25, 0.5, 0.75, 1),
    "profile.token_weight": (0, 0.25, 0.5, 0.65, 0.8, 1),
    "gate.quantile": (0.05, 0.1, 0.2, 0.3, 0.4, 0.6),
    "gate.recovery_threshold": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
}
"""w_I, α_H, w_tok, p and δ_rec, the paper's hyperparameters."""
PICTURES = {"scaling": "results-scaling", "signals": "results-signals"}
"""Analyses whose figure a page shows."""


def finished(folder: Path) -> list[Path]:
    """The finished runs in a folder, at any depth of one."""
    return sorted(plan.parent for plan in folder.glob(f"**/{PLAN}") if (plan.parent / RESULTS).exists())


def analyses(run: CompleteRun) -> Iterator[Findings]:
    """Everything that the pages tell of a complete run and that needs its traces."""
    yield ablation_findings(run)
    yield choices_findings(run)
    yield scaling_findings(run)
    yield signal_findings(run)
    yield gate_findings([gate_record(run.folder)])
    yield tune_findings(run)
    for parameter, values in SWEEPS.items():
        yield sweep_findings(run, parameter, values, {})


def packed_as(run: Path, group: Path) -> str:
    """The name of a run's pack: the run's with its N, behind that of a folder between it and its group's."""
    trajectories = RunPlan.read(run).recipe.strategy.num_trajectories
    name = re.sub(r"-of-n$", f"-of-{trajectories}", run.name)
    return name if run.parent == group else f"{run.parent.name}-{name}"


def collect(runs: Path, data: Path = DATA) -> None:
    """Pack and analyse whatever is finished, and name what is finished and on no page."""
    if not runs.is_dir():
        raise SystemExit(f"{runs} is no folder; give the one that the commands on the pages wrote their runs to")
    for folder in finished(runs):
        source = folder.relative_to(runs).parts[0]
        if source in GROUPS:
            print(pack(folder, data / GROUPS[source], packed_as(folder, runs / source)))
        else:
            print(f"{folder}: on no page, not packed")
    _analyse(runs, data)


def _analyse(runs: Path, data: Path) -> None:
    """Keep what needs the traces of the complete run, if it is there."""
    if not (runs / "geneval" / COMPLETE / RESULTS).exists():
        return
    complete = CompleteRun.read(runs / "geneval" / COMPLETE)
    suite = {name: each for name, each in read_suite("derived").items() if name in NEED_TRACES}
    for folder in derive(complete, suite, runs / "derived"):
        print(pack(folder, data / "next-token", folder.name))
    for found in analyses(complete):
        (data / "next-token" / f"{found.name}.csv").write_text(found.csv())
        if found.name in PICTURES:
            (data.parent / "images" / f"{PICTURES[found.name]}.png").write_bytes(png_bytes(found.figure))
        print(found.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    collect(parser.parse_args().runs)


if __name__ == "__main__":
    main()
