"""Groups of runs, as they lie packed under docs/data: drawn from the same noise and judged on the same prompts."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from results.packs import SUFFIX, unpack
from scalingar.analysis.replay.derive import derive
from scalingar.analysis.runs.complete_run import CompleteRun
from scalingar.bench.runs.opened import benchmark_of
from scalingar.bench.runs.results import RunResults, read_results
from scalingar.bench.runs.suite import read_suite

ROOT = Path(__file__).parents[1]
DATA = ROOT / "docs" / "data"
COMPLETE = "best-of-8"
"""The run that others are read off."""


@dataclass(frozen=True)
class Group:
    """Runs by name."""

    folder: Path
    runs: Mapping[str, RunResults]

    def __getitem__(self, name: str) -> RunResults:
        return self.runs[name]


def first_images(run: CompleteRun) -> CompleteRun:
    """The run as it would be with one image for each prompt: noise belongs to the image."""
    plan = run.plan.model_copy(update={"images_per_prompt": 1})
    return replace(run, plan=plan, lines=[line for line in run.lines if line["number"] == 0])


def _complete(folder: Path, firsts_of: str | None) -> CompleteRun | None:
    """What others are read off: the group's own complete run, or the first images of another group's."""
    if firsts_of is None:
        return CompleteRun.read(folder / COMPLETE) if (folder / COMPLETE).is_dir() else None
    packed = DATA / firsts_of / f"{COMPLETE}{SUFFIX}"
    return first_images(CompleteRun.read(unpack(packed, folder / firsts_of))) if packed.exists() else None


@contextmanager
def group(
    name: str,
    *suites: str,
    firsts_of: str | None = None,
    labels: Collection[str] = (),
    also: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Group]:
    """The runs packed in docs/data/NAME, and those of suites that can be read off the complete one among them.

    What of them needs traces, which are not packed, is packed itself. Empty where nothing is packed yet.
    ``firsts_of``: the folder of packs whose complete run gives them by its first images, in place of the group's own.
    ``labels``: of the suites that are read off, if not all. ``also``: packs elsewhere in docs/data that belong here,
    too, by the names that they have here.
    """
    with TemporaryDirectory() as place:
        folder = Path(place)
        found = [unpack(file, folder) for file in sorted((DATA / name).glob(f"*{SUFFIX}"))]
        found += [unpack(DATA / f"{pack}{SUFFIX}", folder, own) for own, pack in also.items()]
        complete = _complete(folder, firsts_of)
        for suite in suites:
            if complete is None:
                break
            there = {run.name for run in found}
            wanted = {label: each for label, each in read_suite(suite).items() if not labels or label in labels}
            found += derive(complete, {label: wanted[label] for label in wanted if label not in there}, folder)
        yield Group(folder, {run.name: read_results(run, benchmark_of(run)) for run in found})
