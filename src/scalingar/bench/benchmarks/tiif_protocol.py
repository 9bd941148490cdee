"""How the authors of TIIF-Bench ask their judge, read from the user's copy of their script.

No licence is stated, so none of their words stand here: the script is parsed, not run, for the system message, the
three templates of which one is drawn at random per call, the temperature, and the mark where the questions go.
"""

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scalingar.bench.data_files import read_text
from scalingar.bench.judges.questions import JudgeSettings, Wording
from scalingar.bench.judges.questions.wording import QUESTIONS
from scalingar.core.errors import BenchmarkError, ConfigError

SCRIPT = Path("eval") / "eval_with_vlm.py"
"""Relative to the repository, whose folder ``data`` holds the prompts."""
TEMPLATES = 3


@dataclass(frozen=True)
class OfficialProtocol:
    """The script's wording and temperature. ``sha256``: of the script."""

    wording: Wording
    temperature: float
    sha256: str

    def applied(self, judge: JudgeSettings) -> JudgeSettings:
        """A judge that asks in this way. Raises ConfigError if another temperature or wording was set."""
        if judge.wording is not None:
            raise ConfigError("protocol=official has a wording of its own; leave judge.wording out.")
        if "temperature" in judge.model_fields_set and judge.temperature != self.temperature:
            raise ConfigError(
                f"protocol=official asks at temperature {self.temperature:g}, not judge.temperature="
                f"{judge.temperature:g}; leave that out, or set protocol=pinned."
            )
        return judge.model_copy(update={"wording": self.wording, "temperature": self.temperature})


def read_protocol(folder: Path) -> OfficialProtocol:
    """The protocol of the repository whose ``data`` is ``folder``. Raises BenchmarkError: none, or an unknown one."""
    path = folder.expanduser().resolve().parent / SCRIPT
    advice = "protocol=official takes the authors' words from there; set folder to data in a copy of their repository"
    text = read_text(path, f"{advice}, or protocol=pinned")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise BenchmarkError(f"{path} is no Python ({error}); copy the TIIF-Bench repository again.") from None
    templates, systems, temperatures = tuple(_templates(tree)), list(_systems(tree)), list(_temperatures(tree))
    if (len(templates), len(systems), len(temperatures)) != (TEMPLATES, 1, 1):
        raise BenchmarkError(
            f"{path} holds {len(templates)} templates, {len(systems)} system messages and {len(temperatures)} "
            f"temperatures, not {TEMPLATES}, 1 and 1; take the authors' version, or set protocol=pinned."
        )
    wording = Wording(system=systems[0], templates=templates)
    return OfficialProtocol(wording, temperatures[0], hashlib.sha256(text.encode()).hexdigest())


def _templates(tree: ast.Module) -> Iterator[str]:
    """Texts at the top of the script in which something is later replaced: the questions."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    replaced = (call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "replace")
    marks = sorted({mark for node in replaced if (mark := _text(node))})
    for text in (_text(node.value) for node in tree.body if isinstance(node, ast.Assign)):
        present = [mark for mark in marks if mark in text]
        if present:
            yield text.replace(present[0], QUESTIONS)


def _systems(tree: ast.Module) -> Iterator[str]:
    """Contents of the messages whose role is system."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            message = {_text(key): _text(value) for key, value in zip(node.keys, node.values, strict=True)}
            if message.get("role") == "system":
                yield message.get("content", "")


def _temperatures(tree: ast.Module) -> Iterator[float]:
    """Temperatures that are given to a call."""
    given = (node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "temperature")
    for value in given:
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            yield float(value.value)


def _text(node: ast.expr | None) -> str:
    """The text that stands in the script; empty for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
