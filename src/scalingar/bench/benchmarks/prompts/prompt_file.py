"""Prompts of one's own in a file, with ids and tags, as the items of a benchmark."""

from dataclasses import dataclass
from pathlib import Path

from scalingar.bench.benchmark import Item, shortened
from scalingar.core.errors import BenchmarkError
from scalingar.core.prompt_lists import STANDARD_INPUT, ListedPrompt, read_prompt_list

ALL = "all"
"""The task of prompts without a tag."""


@dataclass(frozen=True)
class PromptFile:
    """``left_out``: a sentence on rows that are not used; empty if all are."""

    items: list[Item]
    left_out: str = ""


def read_prompts(path: Path) -> PromptFile:
    """The prompts in their order, a repeated one once; the task is the tag, or several joined by ``+``.

    Raises:
        ConfigError: as :func:`read_prompt_list` says.
        BenchmarkError: the standard input, which could not be read again when a run is resumed.
    """
    if str(path) == STANDARD_INPUT:
        raise BenchmarkError("a run reads its prompts again when it is resumed; write them to a file, and name that.")
    first: dict[str, ListedPrompt] = {}
    repeats = []
    for prompt in read_prompt_list(path):
        if prompt.text in first:
            repeats.append(f"{prompt.place} says what {first[prompt.text].place} does")
        else:
            first[prompt.text] = prompt
    left_out = f"{path}: {shortened(repeats)}; each prompt is used once." if repeats else ""
    return PromptFile([_item(prompt) for prompt in first.values()], left_out)


def _item(prompt: ListedPrompt) -> Item:
    metadata = {"tags": list(prompt.tags)} if len(prompt.tags) > 1 else {}
    return Item(prompt.id, prompt.text, "+".join(prompt.tags) or ALL, metadata)
