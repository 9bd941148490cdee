"""Hooks for options of the official transformer that no released weights use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from scalingar.models.infinity.transformer import Infinity


def embed_level_before_chunks(model: Infinity, chunks: tuple[int, ...]) -> None:
    """Add the embedding of the scale before every chunk of ``chunks`` blocks, not only before the first block.

    Works with :meth:`Infinity.step`; scales are recognised by their numbers of tokens.
    """
    tokens = [height * width for height, width in model.scales]

    def embedded(_block: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        x, *others = inputs
        return (x + model.lvl_embed.weight[tokens.index(x.shape[1])].float(), *others)

    for chunk in range(1, len(chunks)):
        model.blocks[sum(chunks[:chunk])].register_forward_pre_hook(embedded)


@contextmanager
def guided_after(model: Infinity, block: int, scale: float) -> Iterator[None]:
    """Apply guidance to the hidden states after ``block`` (from 0; negative: from the end), not to the logits.

    Both branches continue from ``u + scale (c - u)``; the logits are those of the conditional one.
    """

    def blended(_block: nn.Module, _inputs: tuple[Any, ...], x: Tensor) -> Tensor:
        conditional, unconditional = x.chunk(2)
        return (unconditional + scale * (conditional - unconditional)).repeat(2, 1, 1)

    handle = model.blocks[block % model.config.layers].register_forward_hook(blended)
    try:
        yield
    finally:
        handle.remove()
