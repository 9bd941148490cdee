"""The Dockerfile, as far as it can be held to account without an engine: what it copies, runs, asks and starts."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scalingar.cli.main import main
from tests.serve.running import running

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined, comments left out."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, rest in (line.split(maxsplit=1) for line in joined.splitlines() if line.strip())]


def argument(name: str) -> str:
    """Of the only instruction of this name, or the last one."""
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def test_it_ends_as_a_user_without_rights() -> None:
    assert argument("USER") == "10001"
    assert re.search(r"useradd --uid 10001 ", argument("RUN"))
    after = [name for name, _ in instructions()]
    assert "RUN" not in after[after.index("USER") :]


def test_base_images_have_a_version() -> None:
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert asked == ">=3.11"


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored, *allowed = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert ignored == "*"
    names = {line.removeprefix("!") for line in allowed if line.startswith("!")}
    copies = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    copied = {path for paths in copies for path in paths}
    assert copied == names
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["readme"], *project["license-files"]} <= copied
    assert not any(fnmatch.fnmatch(name, "*.py") for name in copied)


def test_versions_are_pinned_and_extras_exist() -> None:
    installs = [
        part for name, rest in instructions() if name == "RUN" for part in rest.split("&&") if "install" in part
    ]
    assert len(installs) == 2
    assert all("--constraint constraints.txt" in part for part in installs)
    (extras,) = [rest for name, rest in instructions() if name == "ARG" and rest.startswith("EXTRAS=")]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(json.loads(extras.removeprefix("EXTRAS=")).split(",")) <= set(known)


@pytest.mark.skipif(shutil.which("sh") is None, reason="the lines are of a shell")
@pytest.mark.parametrize("index", ["", "https://example.org/cpu"])
def test_commands_are_read_by_a_shell_as_meant(index: str) -> None:
    """With a function in place of each program; what they are given is printed."""
    build = next(rest for name, rest in instructions() if name == "RUN")
    script = re.sub(r"/opt/scalingar/bin/pip|\bpython\b", "told", build)
    run = subprocess.run(
        ["sh", "-euc", f'told() {{ printf "<%s>" "$@"; echo; }}\n{script}'],
        env={"TORCH_INDEX": index, "EXTRAS": "serve"},
        capture_output=True,
        text=True,
        check=True,
    )
    venv, torch, package = run.stdout.splitlines()
    assert venv == "<-m><venv></opt/scalingar>"
    assert torch.endswith(f"<--index-url><{index}><torch>" if index else "<constraints.txt><torch>")
    assert package.endswith("<.[serve]>")


def test_its_command_serves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    start: list[str] = json.loads(argument("ENTRYPOINT")) + json.loads(argument("CMD"))
    words = start[1:]
    assert start[0] == "scalingar"
    monkeypatch.delenv("SCALINGAR_API_KEY", raising=False)
    assert main([*words, "--check", "--port", "0"]) == 1
    assert "there is no key; set SCALINGAR_API_KEY" in capsys.readouterr().err
    monkeypatch.setenv("SCALINGAR_API_KEY", "secret")
    assert main([*words, "--check", "--port", "0"]) == 0
    assert capsys.readouterr().out.startswith("serving embedded, 96x96, at http://0.0.0.0:")


def test_its_health_check_knows_a_server_from_none(monkeypatch: pytest.MonkeyPatch) -> None:
    check = argument("HEALTHCHECK")
    program, *words = json.loads(check[check.index("[") :])
    assert program == "python"
    assert f":{argument('EXPOSE')}/health" in words[-1]

    def healthy(port: int) -> bool:
        asked = [word.replace(argument("EXPOSE"), str(port)) for word in words]
        return subprocess.run([sys.executable, *asked], capture_output=True, check=False).returncode == 0

    with running(monkeypatch) as server:
        port = int(server.server.url.rsplit(":", 1)[1].split("/")[0])
        assert healthy(port)
    assert not healthy(port)
