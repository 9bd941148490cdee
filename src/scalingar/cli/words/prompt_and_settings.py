"""Separating prompts, settings and files among the words of a command."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import typer

_SETTING = re.compile(r"([A-Za-z_][\w.]*)=")
_FILE = re.compile(r"[~/\\]|\.{1,2}[/\\]")
_SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".tsv", ".md", ".yaml", ".yml")
_SHORT_WITH_VALUE = re.compile(r"(-[A-Za-z])=(.*)", re.DOTALL)
_LITERAL = "--"
"""What follows is a prompt, whatever it looks like."""
_PROMPT = "prompt="


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The prompts, and every ``key=value``.

    Several prompts of which one is a single word are wrong usage: they are one prompt whose quotes were forgotten.
    """
    from scalingar.core.prompt_lists import STANDARD_INPUT  # noqa: PLC0415
    from scalingar.pipeline.recipe import parse_override  # noqa: PLC0415

    settings = [word for word in words if is_setting(word)]
    prompts = [word for word in words if not is_setting(word)]
    alone = next((word for word in prompts if word != STANDARD_INPUT and _is_a_single_word(word)), None)
    if len(prompts) > 1 and alone is not None:
        raise typer.BadParameter(
            f"{prompts[0]!r} and {prompts[1]!r} are two prompts, and {alone!r} is a single word; put each prompt in "
            "quotes, or those of single words in a file for --prompts"
        )
    literal = [word for word in settings if word.startswith(_PROMPT)]
    if len(prompts) + len(literal) > 1:
        prompts += [str(parse_override(word)[1]) for word in literal]
        settings = [word for word in settings if word not in literal]
    return prompts, settings


def _is_a_single_word(prompt: str) -> bool:
    return prompt.isascii() and len(prompt.split()) == 1 and any(map(str.isalpha, prompt))


def is_setting(word: str) -> bool:
    """Whether a word is ``key=value``: "E=mc2 on a blackboard" is none, as no setting begins like this."""
    match = _SETTING.match(word)
    if match is None:
        return False
    return len(word.split()) == 1 or "." in match[1] or match[1] in _names()


def may_be_prompt(words: Sequence[str]) -> str | None:
    """The only word, where it was taken for a setting and no setting begins like this."""
    alone = len(words) == 1 and is_setting(words[0]) and re.split(r"[.=]", words[0])[0] not in _names()
    return words[0] if alone else None


def _names() -> set[str]:
    from scalingar.pipeline.arguments import FOREIGN  # noqa: PLC0415
    from scalingar.pipeline.model_choice import ModelChoice  # noqa: PLC0415
    from scalingar.pipeline.recipe import Recipe  # noqa: PLC0415

    return {*Recipe.model_fields, *ModelChoice.setting_names(), *FOREIGN}


def with_literal_prompt(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, where ``--`` says that what looks like a setting is the prompt."""
    if _LITERAL not in arguments:
        return list(arguments)
    at = list(arguments).index(_LITERAL) + 1
    after = [f"{_PROMPT}{json.dumps(word)}" if _SETTING.match(word) else word for word in arguments[at:]]
    return [*arguments[:at], *after]


def with_short_values(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command, where ``-o=~/x`` means what ``--output=~/x`` does, and no folder called ``=~``."""
    end = list(arguments).index(_LITERAL) if _LITERAL in arguments else len(arguments)
    matches = [(word, _SHORT_WITH_VALUE.fullmatch(word)) for word in arguments[:end]]
    return [part for word, match in matches for part in (match.groups() if match else (word,))] + list(arguments[end:])


def names_a_file(word: str) -> bool:
    """Whether a word can only be meant as a path: no spaces in it, and the end or the beginning of one."""
    return len(word.split()) == 1 and (word.lower().endswith(_SUFFIXES) or _FILE.match(word) is not None)


def gathered(words: Sequence[str], file: Path | None) -> list[str]:
    """The prompts among the words of a command, ``-`` for those of the standard input, and those that a file lists.

    Raises ConfigError.
    """
    from scalingar.core.prompt_lists import STANDARD_INPUT, read_prompt_list  # noqa: PLC0415

    prompts: list[str] = []
    for word in words:
        if names_a_file(word):
            raise typer.BadParameter(
                f"{word!r} is the name of a file, not a prompt; say what the image should show, or write "
                f"--prompts {word} for the prompts in it"
            )
        prompts += [prompt.text for prompt in read_prompt_list(word)] if word == STANDARD_INPUT else [word]
    return prompts if file is None else prompts + [prompt.text for prompt in read_prompt_list(file)]


def prompts_of(words: Sequence[str]) -> list[str]:
    """Prompts, each a word; of a word that is a file, or ``-``, or the only one and the path of a file, those that it
    lists.

    Raises:
        ConfigError: a file is not there, cannot be read, or holds no prompt.
    """
    from scalingar.core.prompt_lists import read_prompt_list  # noqa: PLC0415

    prompts: list[str] = []
    for word in words:
        listed = _is_file(word, alone=len(words) == 1)
        prompts += [prompt.text for prompt in read_prompt_list(word)] if listed else [word]
    return prompts


def _is_file(word: str, *, alone: bool) -> bool:
    if word == "-" or names_a_file(word) or (alone and len(word.split()) == 1 and ("/" in word or "\\" in word)):
        return True
    try:
        return alone and Path(word).is_file()
    except (OSError, ValueError):  # too long for a path, or with NUL
        return False
