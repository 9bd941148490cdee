"""Judging a folder of images that was made elsewhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from scalingar.bench.benchmark import BENCHMARKS, Judged, Summary, check_judged
from scalingar.bench.benchmarks.geneval.geneval import GenEval
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.image_files import read_image
from scalingar.cli.terminal import console, say
from scalingar.core.errors import ConfigError
from scalingar.core.files import check_writable, free_file, write_file
from scalingar.pipeline.model_choice import usable_device
from scalingar.report.markdown import with_error


def score_folder(
    name: str,
    folder: Path,
    settings: Mapping[str, Any],
    images_per_prompt: int | None,
    device: str,
    output: Path | None,
) -> None:
    """Judge every image and print the summary.

    ``output``: where GenEval's own result lines go; beside it, if something else is there.

    Raises:
        BenchmarkError: the folder is not complete. ConfigError: the benchmark has no result lines. OutputError: they
            cannot be written. Nothing is scored then.
    """
    if output is not None:
        if not issubclass(BENCHMARKS[name], GenEval):
            raise ConfigError(f"{name} has no official result lines; leave --output out.")
        check_writable(output.parent)
    benchmark = build_benchmark(name, settings, device=usable_device(device))
    count = BENCHMARKS[name].images_per_prompt if images_per_prompt is None else images_per_prompt
    items = list(benchmark.items())
    paths = benchmark.find_images(folder, items, count)
    first = next((path for found in paths.values() for path in found), None)
    benchmark.prepare(None if first is None else read_image(first))
    judged, lines = [], []
    for item in items:
        images = [read_image(path) for path in paths[item.id]]
        for number, (path, verdict) in enumerate(zip(paths[item.id], benchmark.score(item, images), strict=True)):
            judged.append(Judged(item, number, verdict))
            if isinstance(benchmark, GenEval):
                lines.append(benchmark.official_line(judged[-1], str(path)))
    check_judged(items, judged, count)
    console(highlight=False).print(summary_table(benchmark.summary(judged)))
    if output is not None:
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        output = free_file(output, content)
        write_file(output, content)
        say(f"wrote {output}", to_stderr=True)


def summary_table(summary: Summary) -> Table:
    """Tasks, overall, and the benchmark's further figures."""
    table = Table(title=summary.label, title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for task, estimate in summary.tasks.items():
        table.add_row(task, with_error(estimate.value, estimate.standard_error))
    table.add_row("overall", with_error(summary.overall.value, summary.overall.standard_error), style="bold")
    for name, value in summary.further.items():
        table.add_row(name, f"{value:.4f}")
    return table
