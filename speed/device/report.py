"""What was measured, as JSON and as Markdown tables, written anew after every row."""

import json
import platform
import subprocess
import sys
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from scalingar.bench.runs.results import hardware

Row = dict[str, str | int | float | None]
"""A line of a table; a part's rows that have the same names stand in one table."""

NOTE = (
    "Weights are random. The host does not wait for the device, so a phase's seconds are the host's: work that the "
    "device does later is counted where the host waits for it."
)


@dataclass
class Report:
    """The rows of every part, and the machine."""

    folder: Path
    machine: dict[str, Any]
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def start(cls, folder: Path, device: torch.device) -> "Report":
        """Without rows."""
        return cls(folder, machine(device))

    def begin(self, part: str) -> None:
        """A part that has no rows yet."""
        self.parts[part] = {"rows": []}
        self.write()

    def add(self, part: str, row: Row) -> None:
        """One more row."""
        self.parts[part]["rows"].append(row)
        print(part, *(f"{name}={_text(value)}" for name, value in row.items()), flush=True)
        self.write()

    def failed(self, part: str, error: Exception) -> None:
        """The part ended with an error."""
        self.parts[part]["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        print(traceback.format_exc(), file=sys.stderr, flush=True)

    def finish(self, part: str, seconds: float, *, complete: bool) -> None:
        """``complete``: the time was enough."""
        self.parts[part] |= {"seconds": seconds, "complete": complete}
        self.write()

    def write(self) -> None:
        """Both files."""
        content = {"machine": self.machine, "parts": self.parts}
        (self.folder / "device.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        (self.folder / "device.md").write_text(self.markdown(), "utf-8")

    def markdown(self) -> str:
        """The tables."""
        lines = [f"{name}: {value}  " for name, value in self.machine.items()]
        blocks = ["# Decoding on a device", "\n".join(lines).rstrip(), NOTE]
        for name, part in self.parts.items():
            blocks.append(f"## {name}" + (f" ({part['seconds']:.0f} s)" if "seconds" in part else ""))
            blocks += tables(part["rows"])
            if "error" in part:
                blocks.append(f"Ended with {part['error']}")
            if not part.get("complete", True):
                blocks.append("The time was over before its end.")
        return "\n\n".join(blocks) + "\n"


def tables(rows: list[Row]) -> list[str]:
    """Rows with the same names under one head."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row), []).append(row)
    return [_table(names, some) for names, some in found.items()]


def _table(names: tuple[str, ...], rows: list[Row]) -> str:
    lines = [names, ["---"] * len(names), *([_text(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(value: str | int | float | None) -> str:
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def machine(device: torch.device) -> dict[str, Any]:
    """Device, driver, versions, date and command."""
    here = hardware()
    facts: dict[str, Any] = {
        "device": str(here["processor"] or here["machine"]),
        "processor": f"{here['processor'] or here['machine']}, {here['cores']} cores",
    }
    if device.type == "cuda":
        facts["device"] = torch.cuda.get_device_name(device)
        facts["driver"] = _driver()
        facts["CUDA"] = torch.version.cuda
    versions = {name: _version(name) for name in ("torch", "triton", "transformers", "scalingar")}
    return {
        **facts,
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items() if number),
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": "python -m speed.device " + " ".join(sys.argv[1:]),
    }


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found[0] if found else "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
