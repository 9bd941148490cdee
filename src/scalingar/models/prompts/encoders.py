"""Prompt encoders, which turn prompts into the input of a model's condition embedder."""

import warnings
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from scalingar.core.errors import PromptError
from scalingar.core.validation import shown
from scalingar.models.embedded.grammar import parse

_DIGITS = 20
"""Longest text that may be a label."""


class UnknownWordsWarning(UserWarning):
    """A prompt has words that the model does not know."""


class PromptEncoder(Protocol):
    """Turns prompts into condition inputs and, if slots can be empty, a mask of the valid ones."""

    def __call__(self, prompts: list[str]) -> tuple[Tensor, Bool[Tensor, "p t"] | None]:
        """Inputs with one row per prompt. Raises PromptError for a prompt that cannot be used."""


def keep_loaded(encoder: PromptEncoder) -> None:
    """Have an encoder that loads a network for new prompts keep it from the first one on.

    As a process needs that draws one prompt after the other; a script has more memory without it.
    """
    keep = getattr(encoder, "keep_loaded", None)
    if keep is not None:
        keep()


@dataclass(frozen=True)
class GrammarEncoder:
    """The small vocabulary of the embedded world, one id per known word or phrase."""

    slots: int

    def __call__(self, prompts: list[str]) -> tuple[Int[Tensor, "p t"], None]:
        """Ids ``(p, slots)``, right-aligned and padded with 0 on the left."""
        return torch.tensor([self.ids(prompt) for prompt in prompts]), None

    def ids(self, prompt: str) -> list[int]:
        """The ids of one prompt; warns of unknown words. Raises PromptError if no word is known, or too many are."""
        parsed = parse(prompt)
        if not parsed.ids:
            raise PromptError(
                f"no word of {shown(prompt)} is known to the embedded model; it knows GenEval's 80 objects and 10 "
                "colours, two to four, left of, right of, above, below (see `scalingar ls words`)."
            )
        if len(parsed.ids) > self.slots:
            raise PromptError(
                f"{shown(prompt)} has {len(parsed.ids)} known words, the embedded model reads {self.slots}; shorten it."
            )
        if parsed.unknown:
            understood = " ".join(parsed.terminals)
            warnings.warn(
                f"the embedded model does not know {', '.join(map(repr, parsed.unknown))} in {shown(prompt)}; "
                f"it reads {understood!r}",
                UnknownWordsWarning,
                stacklevel=2,
            )
        return [0] * (self.slots - len(parsed.ids)) + list(parsed.ids)


@dataclass(frozen=True)
class LabelEncoder:
    """Class labels written as numbers."""

    classes: int

    def __call__(self, prompts: list[str]) -> tuple[Int[Tensor, "p 1"], None]:
        """Labels ``(p, 1)``."""
        for prompt in prompts:
            if not prompt.strip().isdecimal() or len(prompt) > _DIGITS or int(prompt) >= self.classes:
                raise PromptError(f"{shown(prompt)} is no class label; give a number from 0 to {self.classes - 1}.")
        return torch.tensor([[int(prompt)] for prompt in prompts]), None


def check_prompts(prompts: list[str]) -> None:
    """Raises PromptError for an empty list, an empty prompt, or one with bytes that are no text."""
    if not prompts:
        raise PromptError("the list of prompts is empty; give at least one.")
    for index, prompt in enumerate(prompts):
        subject = "the prompt" if len(prompts) == 1 else f"prompt {index}"
        if not prompt.strip():
            raise PromptError(f"{subject} is empty; say what the image should show.")
        if broken := [letter for letter in prompt if "\ud800" <= letter <= "\udfff"]:
            raise PromptError(
                f"{subject} holds {broken[0]!r}, a byte or half a character that is no text; write it in UTF-8."
            )
