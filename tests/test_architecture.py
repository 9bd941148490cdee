"""The folder list is the architecture: imports go one way, and names are cheap to import."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "scalingar"
HOUSE = (
    ("cli", "serve"),
    ("analysis",),
    ("bench",),
    ("doctor",),
    ("pipeline",),
    ("strategies", "report"),
    ("rewards",),
    ("models", "decoding", "policy"),
    ("profile",),
    ("core",),
)
"""Rooms from the top floor down; a room imports from floors below its own, not from others on its floor."""
ROOMS = {room: floor for floor, rooms in enumerate(HOUSE) for room in rooms}
LARGEST_FOLDER = 15

FILES = sorted(PACKAGE.rglob("*.py"))


def module(path: Path) -> str:
    """Dotted name of a file; a folder's ``__init__`` has the folder's."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def imports(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports anywhere, those for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "scalingar":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "scalingar")


def room(name: str) -> str:
    """The room of a dotted module name; empty for the package itself."""
    return name.split(".")[1] if "." in name else ""


def test_the_house_is_the_folder_list() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(ROOMS)
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_only_from_floors_below(name: str) -> None:
    files = [path for path in FILES if room(module(path)) == name]
    assert files
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {other}"
        for path in files
        for other in imports(path)
        if room(other) not in ("", name) and ROOMS[room(other)] <= ROOMS[name]
    }
    assert wrong == set()


def test_no_circle_of_files() -> None:
    arrows = {name: {other for other in imports(path) if other != name} for name, path in MODULES.items()}
    left = dict(arrows)
    while free := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in free}
    assert left.keys() == set()


def test_no_folder_is_crowded() -> None:
    for folder in {path.parent for path in FILES}:
        files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= LARGEST_FOLDER, f"{folder.relative_to(PACKAGE)}: {len(files)}"


def test_every_folder_says_what_belongs_in_it() -> None:
    for folder in {path.parent for path in FILES} - {PACKAGE}:
        assert (folder / "__init__.py").is_file(), folder
        docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
        assert docstring, folder


def test_profile_and_policy_know_no_models() -> None:
    for path in FILES:
        if room(module(path)) in ("profile", "policy"):
            assert {room(other) for other in imports(path)} <= {"core", "profile", "policy"}, path.name


def test_those_who_grade_do_not_choose() -> None:
    """Judges of a benchmark know no reward, so that what chose an image never grades it."""
    for path in (PACKAGE / "bench" / "judges").rglob("*.py"):
        assert not {room(other) for other in imports(path)} & {"rewards", "strategies"}, path.name


def test_help_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from scalingar.cli.main import app\n"
        "assert CliRunner().invoke(app, ['generate', '--help']).exit_code == 0\n"
        "assert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_changes_no_environment_and_no_global_seed() -> None:
    code = (
        "import os, numpy, torch\n"
        "before = dict(os.environ), torch.get_rng_state(), numpy.random.get_state()[1].copy()\n"
        "import scalingar.pipeline.pipeline, scalingar.cli.main, scalingar.report.contact_sheet\n"
        "assert dict(os.environ) == before[0]\n"
        "assert torch.equal(torch.get_rng_state(), before[1])\n"
        "assert (numpy.random.get_state()[1] == before[2]).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
