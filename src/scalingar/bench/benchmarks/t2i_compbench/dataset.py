"""T2I-CompBench's files of prompts, as they lie in examples/dataset of its repository."""

import warnings
from pathlib import Path

from scalingar.bench.benchmark import Item
from scalingar.bench.data_files import read_lines
from scalingar.bench.file_names import file_name
from scalingar.core.errors import BenchmarkError

_ADVICE = "set folder to T2I-CompBench's examples/dataset"
ATTRIBUTES, RELATION, ACTION = "attributes", "relation", "action"
"""Parts of the score of a complex prompt."""


class PromptNameWarning(UserWarning):
    """Images cannot be named after their prompt."""


def name_of(prompt: str) -> str:
    """The prompt, as a file of that name can be called; the official scripts read it back from there."""
    return file_name(prompt, room=len("_000000.png"))


def read_category(folder: Path, category: str) -> list[Item]:
    """Lines of ``<category>_val.txt``; complex ones with the parts of their score. Raises BenchmarkError."""
    path = folder / f"{category}_val.txt"
    prompts = _prompts(path)
    if len(set(prompts)) != len(prompts) or not prompts:
        raise BenchmarkError(f"{path} holds no prompts or one twice; copy it again.")
    if renamed := [prompt for prompt in prompts if name_of(prompt) != prompt]:
        warnings.warn(
            f"{len(renamed)} prompts of {category} are no names of files; the images of {renamed[0]!r} are called "
            f"{name_of(renamed[0])!r}, which the official scripts take for the prompt",
            PromptNameWarning,
            stacklevel=2,
        )
    parts = complex_parts(folder, prompts) if category == "complex" else [()] * len(prompts)
    return [
        Item(f"{category}/{row:04d}", prompt, category, {"row": row, **({"parts": some} if some else {})})
        for row, (prompt, some) in enumerate(zip(prompts, parts, strict=True))
    ]


def complex_parts(folder: Path, prompts: list[str]) -> list[tuple[str, ...]]:
    """Attributes, and a relation in space, an action, or both, by the two lists that say which; others have both."""
    lists = (folder / "complex_val_spatial.txt", folder / "complex_val_action.txt")
    spatial, action = ({_key(line) for line in _prompts(path)} for path in lists)
    return [
        (ATTRIBUTES, RELATION)
        if _key(prompt) in spatial
        else (ATTRIBUTES, ACTION)
        if _key(prompt) in action
        else (ATTRIBUTES, RELATION, ACTION)
        for prompt in prompts
    ]


def _key(prompt: str) -> str:
    """The first sentence in lower case, by which upstream compares."""
    return prompt.split(".", maxsplit=1)[0].lower()


def read_singulars(folder: Path) -> dict[str, str]:
    """The singular of each plural in ``new_objects.txt``, lines of "book - books". Raises BenchmarkError."""
    path = folder / "new_objects.txt"
    singulars = {}
    for number, line in read_lines(path, _ADVICE):
        singular, _, plural = (part.strip().lower() for part in line.partition(" - "))
        if not (singular and plural):
            raise BenchmarkError(f"{path}, line {number} is not of the form 'book - books'; copy it again.")
        singulars[plural] = singular
    return singulars


def _prompts(path: Path) -> list[str]:
    return [line.strip() for _, line in read_lines(path, _ADVICE)]
