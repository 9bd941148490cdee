"""The folder list is the architecture: imports go one way, and names are cheap to import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "scalingar"
LAYERS = (
    "models",
    "detectors",
    "judges",
    "decoding",
    "profile",
    "policy",
    "strategies",
    "pipeline",
    "bench",
    "analysis",
    "cli",
)
"""Each may import from itself and from those before it."""


def imported(path: Path) -> set[str]:
    """Second words of the ``scalingar.x`` modules a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scalingar."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("scalingar.")}
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer: str) -> None:
    home = PACKAGE / layer
    files = [PACKAGE / f"{layer}.py"] if not home.is_dir() else sorted(home.rglob("*.py"))
    assert files
    later = set(LAYERS[LAYERS.index(layer) + 1 :])
    wrong = {str(path.relative_to(PACKAGE)): imported(path) & later for path in files if imported(path) & later}
    assert wrong == {}


@pytest.mark.parametrize("layer", ["profile", "policy"])
def test_profile_and_policy_know_no_models(layer: str) -> None:
    for path in (PACKAGE / layer).rglob("*.py"):
        assert imported(path) <= {"profile", "policy"}, path.name


@pytest.mark.parametrize("layer", ["detectors", "judges"])
def test_those_who_look_at_images_know_no_models_of_ours(layer: str) -> None:
    """Files of the package's top are free, other folders are not."""
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    for path in (PACKAGE / layer).rglob("*.py"):
        assert imported(path) & folders <= {layer, "models", "world"}, path.name


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
        "import scalingar.pipeline, scalingar.cli.main, scalingar.report.contact_sheet\n"
        "assert dict(os.environ) == before[0]\n"
        "assert torch.equal(torch.get_rng_state(), before[1])\n"
        "assert (numpy.random.get_state()[1] == before[2]).all()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
