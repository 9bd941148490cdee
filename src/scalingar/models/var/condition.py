"""The prompts of a batch as a VAR transformer reads them, embedded once for both branches."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scalingar.core.errors import PromptError
from scalingar.models.var.config import VARConfig


@dataclass(frozen=True)
class Embedded:
    """Embeddings of ``p`` prompts: a vector each, and for words a feature per word with the mask of valid ones."""

    vector: Float[Tensor, "p d"]
    words: Float[Tensor, "p t d"] | None = None
    mask: Bool[Tensor, "p t"] | None = None

    def with_rows(self, other: "Embedded") -> "Embedded":
        """These prompts, then those of ``other``."""
        vector = torch.cat([self.vector, other.vector])
        return Embedded(vector, _joined(self.words, other.words), _joined(self.mask, other.mask))


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    return None if first is None or second is None else torch.cat([first, second])


@dataclass(frozen=True)
class ScaleCondition:
    """The prompts of a batch, and their replacement in the unconditional branch."""

    conditional: Embedded
    unconditional: Embedded


def check_inputs(config: VARConfig, inputs: Tensor, mask: Tensor | None) -> None:
    """Labels ``(p,)``, or words ``(p, t)`` with the mask of valid ones; ``condition_vocab`` stands for none of them.

    It waits for the device on which they are; so check them where they come from, on the CPU.

    Raises:
        PromptError: a label or word the model does not know, or a prompt without or with too many words.
    """
    known = config.condition_vocab
    unknown = inputs[(inputs < 0) | (inputs > known)]
    if len(unknown):
        what = "label" if config.condition == "class" else "word"
        raise PromptError(f"{what} {int(unknown[0])} is unknown; this model knows 0 to {known - 1}.")
    if config.condition == "class":
        return
    if inputs.shape[1] > config.condition_tokens:
        raise PromptError(
            f"a prompt has {inputs.shape[1]} words, this model reads {config.condition_tokens}; shorten it."
        )
    if mask is not None and not bool(mask.any(1).all()):
        raise PromptError("a prompt has no words; give at least one.")
