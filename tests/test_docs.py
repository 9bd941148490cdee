"""Every Python snippet of README, docs and examples runs, and every command line they show is understood."""

import re
import runpy
import shlex
import warnings
from itertools import takewhile
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from scalingar.bench.benchmark import BENCHMARKS
from scalingar.bench.judges.detectors.detector import COLOR_CLASSIFIERS, DETECTORS
from scalingar.bench.judges.questions.question_judge import JUDGES
from scalingar.bench.study.study import STUDY
from scalingar.cli.main import app
from scalingar.models.family import FAMILIES
from scalingar.rewards.features.feature import FEATURES
from scalingar.rewards.reward import REWARDS
from scalingar.strategies.strategy import STRATEGIES
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, runner
from tests.bench.study.people import ask_all, study

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
EXAMPLES = sorted(ROOT.glob("examples/*.py"))


REGISTRIES = (STRATEGIES, FEATURES, REWARDS, FAMILIES, BENCHMARKS, DETECTORS, COLOR_CLASSIFIERS, JUDGES)


@pytest.fixture(autouse=True)
def own_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pages and examples register is gone afterwards."""
    for registry in REGISTRIES:
        list(registry)  # loads those of the package
        monkeypatch.setattr(registry, "_entries", {**registry._entries})


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda p: p.name)
def test_python_snippets_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snippets of one page run one after the other in one namespace."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__snippet__"}
    for source in blocks(page, "python"):
        exec(compile(source, str(page), "exec"), namespace)  # our own pages


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_examples_run(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        runpy.run_path(str(example), run_name="__main__")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_variants_of_published_models_exist(page: Path) -> None:
    published = {repo: variants for family in FAMILIES for repo, variants in FAMILIES[family].releases.items()}
    named = re.findall(r"([\w-]+/[\w-][\w.-]*):([\w-]+)", page.read_text("utf-8"))
    assert [name for name in named if name[0] in published and name[1] not in published[name[0]]] == []


def commands(languages: str) -> list[str]:
    """Command lines of scalingar in blocks of these languages, one line each."""
    shown = "\n".join(block for page in PAGES for block in blocks(page, languages)).replace("\\\n", " ")
    return sorted(set(re.findall(r"^(?:\$ )?(scalingar .*)", shown, re.MULTILINE)))


def first_words(command: str) -> list[str]:
    """What the first command of a line is given, without redirections and what follows."""
    split = shlex.shlex(command, posix=True, punctuation_chars="();<>|&")
    split.whitespace_split = True
    return list(takewhile(lambda word: word[:1] not in tuple("();<>|&"), split))[1:]


RUN, READ = "(?:console|sh)?", "(?:text|bash)"
"""Languages of blocks whose commands run here, and of those that would take hours, files or a GPU."""


def prepare_study(command: str, folder: Path) -> None:
    """Two runs to build a study of; for other commands a study with answers."""
    if command == "build":
        BENCHMARKS.register("bright")(Bright)
        for name in ("single", "best-of-n"):
            finish(runner(folder / "runs" / name, "single" if name == "single" else "random-of-n"))
    else:
        made = study()
        (folder / "study").mkdir()
        (folder / "study" / STUDY).write_text(made.model_dump_json())
        ask_all(folder / "study", made, 3).close()


@pytest.mark.parametrize("command", commands(RUN))
def test_shown_commands_run(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    words = shlex.split(command)[1:]
    if "--like" in words:
        runner.invoke(app, ["generate", "a photo of a dog", "--strategy", "single", "-o", "out"])
    if words[0] == "study":
        prepare_study(words[1], tmp_path)
    if words[0] == "studio" or "serve" in words[:2]:  # which would go on for ever
        words += ["--check", "--port", "0"]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("command", commands(READ))
def test_other_commands_are_understood(command: str) -> None:
    """Their names, options and types; what they mean is told only when they run."""
    words = first_words(command)
    group = get_command(app)
    while isinstance(group, TyperGroup):
        group = group.commands[words.pop(0)]
    group.make_context(command, words)
