"""Runs: the table of a benchmark's runs, and their images by task and verdict."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from scalingar.bench.benchmark import Verdict
from scalingar.bench.file_names import checked
from scalingar.bench.image_files import read_image
from scalingar.bench.reports.formats import spelled
from scalingar.bench.reports.report_table import report_table
from scalingar.bench.runs.comparison import Comparison, compare
from scalingar.bench.runs.examination import COSTS, SAMPLES
from scalingar.bench.runs.opened import opened, run_folders
from scalingar.bench.runs.plan import PLAN
from scalingar.bench.runs.results import RunResults
from scalingar.core.errors import BenchmarkError, ScalingarError
from scalingar.serve.errors import ApiError
from scalingar.serve.studio.text import alert, picture_url, sentence_of, table, words

PAGE = 24
"""Images shown at once."""
ALL = "all tasks"
ANY, RIGHT, WRONG, ONLY = "all", "right", "wrong", "only this one right"
Line = dict[str, Any]
Stamp = tuple[str, int, int] | None
Key = tuple[str, int]
"""The id of a prompt and the number of one of its images."""
_NONE = "The server was started without runs; <code>--runs FOLDER</code> names a folder of <code>bench run</code>."


class Runs:
    """The tab. ``folder``: None shows how to name one."""

    def __init__(self, folder: Path | None) -> None:
        """Raises BenchmarkError where the folder holds no run."""
        self.folder = folder
        self._known: tuple[list[Stamp], Comparison] | None = None
        self._reading = threading.Lock()
        if folder is None:
            gr.HTML(f"<p>{_NONE}</p>")
            return
        run_folders([folder])
        read = gr.Button("Read the runs", elem_id="runs-read", variant="primary")
        shown = gr.HTML(elem_id="runs-table")
        with gr.Row(visible=False) as filters:
            run = gr.Dropdown([], label="Run", elem_id="runs-run", min_width=180)
            task = gr.Dropdown([ALL], value=ALL, label="Task", elem_id="runs-task", min_width=180)
            which = gr.Radio([ANY, RIGHT, WRONG, ONLY], value=ANY, label="Images", elem_id="runs-which", min_width=260)
            page = gr.Number(label="Page", value=1, precision=0, minimum=1, elem_id="runs-page", min_width=90)
        gallery = gr.HTML(elem_id="runs-gallery")
        quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private"}
        filled = read.click(self.read, [run], [shown, filters, run, task, gallery], **quiet)
        asked = [run, task, which, page]
        filled.success(self.gallery, asked, gallery, **quiet)
        page.change(self.gallery, asked, gallery, **quiet)
        for field in (run, task, which):  # another choice begins at its first page
            field.input(lambda: 1, None, page, queue=False, **quiet).then(self.gallery, asked, gallery, **quiet)

    async def read(self, chosen: str | None) -> list[Any]:
        """The table, and what there is to choose from; read anew, because runs go on."""
        try:
            comparison = await run_sync(self._comparison)
        except (ScalingarError, ApiError) as error:
            return [alert(self._told(error)), gr.update(visible=False), gr.skip(), gr.skip(), ""]
        names = [run.name for run in comparison.runs]
        tasks = [ALL, *dict.fromkeys(line["task"] for run in comparison.runs for line in run.samples)]
        run = gr.update(choices=names, value=chosen if chosen in names else names[0])
        return [_table(comparison), gr.update(visible=True), run, gr.update(choices=tasks, value=ALL), gr.skip()]

    async def gallery(self, run: str | None, task: str | None, which: str | None, page: float | None) -> str:
        """The images that are asked for."""
        try:
            return await run_sync(self._gallery, run or "", task or ALL, which or ANY, int(page or 1))
        except (ScalingarError, ApiError) as error:
            return alert(self._told(error))

    def _comparison(self) -> Comparison:
        """Of all runs, read again where a file of theirs has changed."""
        assert self.folder is not None
        with self._reading:
            folders = run_folders([self.folder])
            stamp = [_stamp(folder / name) for folder in folders for name in (PLAN, SAMPLES, COSTS)]
            if self._known is None or self._known[0] != stamp:
                self._known = stamp, compare([opened(folder) for folder in folders])
            return self._known[1]

    def _gallery(self, name: str, task: str, which: str, page: int) -> str:
        runs = list(self._comparison().runs)
        if name not in [run.name for run in runs]:
            raise BenchmarkError(f"there is no run {name!r}; choose from {', '.join(run.name for run in runs)}.")
        entries = selected(runs, name, task, which)
        pages = max(1, -(-len(entries) // PAGE))
        page = min(max(page, 1), pages)
        shown = entries[(page - 1) * PAGE : page * PAGE]
        told = f"{len(entries)} images, page {page} of {pages}"
        return f'<p role="status">{told}</p><div class="studio-gallery">{"".join(map(_figure, shown))}</div>'

    def _told(self, error: ScalingarError | ApiError) -> str:
        """The sentence, without where the folder is on this machine."""
        assert self.folder is not None
        return sentence_of(error).replace(f"{self.folder}/", "").replace(str(self.folder), self.folder.name)


def _stamp(path: Path) -> Stamp:
    """Changes whenever the file does; None where there is none."""
    try:
        told = path.stat()
    except OSError:
        return None
    return str(path), told.st_mtime_ns, told.st_size


@dataclass(frozen=True)
class Entry:
    """One image of a run; ``others``: what the other runs drew of it."""

    run: RunResults
    line: Line
    others: Sequence["Entry"] = ()

    @property
    def right(self) -> bool:
        """Whether it earned all points."""
        return Verdict(**self.line["verdict"]).correct

    @property
    def picture(self) -> str:
        """As the address of an ``img``. Raises BenchmarkError."""
        return picture_url(read_image(self.run.folder / checked(self.line["image"])))


def selected(runs: Sequence[RunResults], name: str, task: str, which: str) -> list[Entry]:
    """Images of the run ``name``, in its order; those that it alone got right with the other runs' images."""
    by_key = {run.name: {(line["id"], line["number"]): line for line in run.samples} for run in runs}
    run = next(run for run in runs if run.name == name)
    rest = [other for other in runs if other is not run and which == ONLY]
    entries = [
        Entry(run, line, [Entry(other, by_key[other.name][key]) for other in rest])
        for key, line in by_key[name].items()
        if task in (ALL, line["task"])
    ]
    return [entry for entry in entries if _wanted(entry, which)]


def _wanted(entry: Entry, which: str) -> bool:
    if which == ANY:
        return True
    if which == ONLY:
        return entry.right and not any(other.right for other in entry.others)
    return entry.right == (which == RIGHT)


def _table(comparison: Comparison) -> str:
    told = report_table(comparison)
    head, cells = spelled(told)
    notes = "".join(f"<p>{words(note)}</p>" for note in told.notes)
    return table(head, cells, told.title, numbers=True) + f"<p>{words('; '.join(told.facts))}.</p>" + notes


def _figure(entry: Entry) -> str:
    line = entry.line
    kind = "right" if entry.right else "wrong"
    reason = "" if entry.right else f": {line['verdict']['reason']}"
    others = "".join(_figure_small(other) for other in entry.others)
    return (
        f'<figure class="{kind}"><div class="studio-picture">{_image(entry)}</div>'
        f"<figcaption>{words(line['prompt'])}<br><b>{words(kind + reason)}</b></figcaption>"
        + (f'<div class="others">{others}</div>' if others else "")
        + "</figure>"
    )


def _figure_small(entry: Entry) -> str:
    kind = "right" if entry.right else "wrong"
    return f'<div class="{kind}"><div class="studio-picture">{_image(entry)}</div>{words(entry.run.name)}</div>'


def _image(entry: Entry) -> str:
    kind = "right" if entry.right else "wrong"
    alt = words(f"{entry.run.name}, {kind}: {entry.line['prompt']}")
    return f'<img class="small" alt="{alt}" title="{alt}" src="{entry.picture}">'
