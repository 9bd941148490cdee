"""The official summary of result lines, restated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
    """Of result lines, with prompts told apart by their ``metadata`` string."""
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
