"""The official result lines and the official summary of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scalingar.bench.benchmarks.geneval.metadata import Metadata
from scalingar.bench.benchmarks.geneval.rules import Objects, Outcome
from scalingar.core.errors import BenchmarkError

Boxes = dict[str, list[list[float]]]
"""``[x0, y0, x1, y1, score]`` of what was found, by class."""


def result_line(filename: str, metadata: Metadata, outcome: Outcome, found: Boxes) -> dict[str, Any]:
    """One line of upstream's results.jsonl; ``metadata`` and ``details`` are JSON within JSON, as there."""
    return {
        "filename": filename,
        "tag": metadata.tag,
        "prompt": metadata.prompt,
        "correct": outcome.correct,
        "reason": outcome.reason,
        "metadata": metadata_string(metadata),
        "details": json.dumps(found),
    }


def metadata_string(metadata: Metadata) -> str:
    """The official line of a prompt; upstream tells prompts apart by it."""
    return json.dumps(metadata.to_dict())


def boxes(objects: Objects) -> Boxes:
    """Of :func:`rules.found_objects`, for JSON."""
    return {name: [[*one.box, one.score] for one in members] for name, members in objects.items()}


@dataclass(frozen=True)
class GenEvalSummary:
    """What upstream's summary_scores.py prints, as fractions."""

    images: int
    prompts: int
    correct_images: float
    correct_prompts: float
    """Of prompts with at least one right image."""
    tasks: dict[str, tuple[int, int]]
    """Right and all images of each tag."""

    @property
    def overall(self) -> float:
        """Unweighted mean of the tags' shares of right images."""
        return sum(correct / total for correct, total in self.tasks.values()) / len(self.tasks)


def summarize(lines: Sequence[Mapping[str, Any]]) -> GenEvalSummary:
    """Of result lines, with prompts told apart by their ``metadata`` string. Raises BenchmarkError if there are none.

    Lines that are missing are not noticed here: check completeness first (``layout``).
    """
    if not lines:
        raise BenchmarkError("there are no result lines to summarise.")
    prompts: dict[str, bool] = {}
    tasks: dict[str, tuple[int, int]] = {}
    for line in lines:
        correct, total = tasks.get(line["tag"], (0, 0))
        tasks[line["tag"]] = correct + bool(line["correct"]), total + 1
        prompts[line["metadata"]] = prompts.get(line["metadata"], False) or bool(line["correct"])
    return GenEvalSummary(
        images=len(lines),
        prompts=len(prompts),
        correct_images=sum(correct for correct, _ in tasks.values()) / len(lines),
        correct_prompts=sum(prompts.values()) / len(prompts),
        tasks=tasks,
    )
