"""A decoding step as a function of codes and positions alone, on a cache that stays where it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from scalingar.core.device.kernels import has_kernels
from scalingar.models.arenas import full_mask
from scalingar.models.attention import attention
from scalingar.models.layers import Turns, turns

RunBlock = Callable[[nn.Module, Tensor, Turns, Tensor, Tensor, Tensor | None], Tensor]
"""A block's output, from block, input, rotations, the layer's memory, slots and mask."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """The parts of a transformer that a step runs.

    ``last``: the input of the output head from the last block's output. ``head``: fp32 logits from that.
    ``rope``: the rotary table, ``(prefix + codes, p, 2)``.
    ``run_block``: of :func:`block_runner`, or its compiled form.
    """

    embed: Callable[[Tensor], Tensor]
    blocks: Sequence[nn.Module]
    last: Callable[[Tensor], Tensor]
    head: Callable[[Tensor], Tensor]
    rope: Float[Tensor, "s p 2"]
    prefix: int
    run_block: RunBlock
    compiled: bool


@dataclass(frozen=True, eq=False)
class FixedStep:
    """Feeds one code per row; every call reads and writes the same memory, so it can be captured.

    ``stored[i]``: keys and values of layer ``i``, ``(2, n, heads, s, head_dim)``; ``mask``: what is added to the scores
    of the condition's slots, ``(n, t)``; ``first``: the slot of the first code.
    """

    network: Network
    stored: list[Float[Tensor, "2 n h s d"]]
    mask: Float[Tensor, "n t"] | None
    first: int

    def __call__(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]) -> Float[Tensor, "n v"]:
        """fp32 logits after code number ``positions`` of each image."""
        return self.network.head(self._hidden(codes, positions))

    def with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """The same logits, and the fp32 inputs of the output head."""
        states = self._hidden(codes, positions)
        return self.network.head(states), states.float()

    def _hidden(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        network = self.network
        slots = positions + self.first
        turned: Turns = turns(network.rope[network.prefix + positions][:, None])
        if network.compiled:
            turned = torch.view_as_real(turned)
        mask = self.mask if has_kernels(codes.device) else full_mask(self.mask, slots, self.stored[0].shape[3])
        x = network.embed(codes)[:, None]
        for block, stored in zip(network.blocks, self.stored, strict=True):
            x = network.run_block(block, x, turned, stored, slots, mask)
        return network.last(x)


def block_runner(device: torch.device) -> RunBlock:
    """Runs one block of a decoding step, with the attention that is fast there."""
    attend: Callable[..., Tensor] = by_torch
    if has_kernels(device):
        from scalingar.models.llamagen.attention_kernel import attend as by_kernel  # noqa: PLC0415  needs Triton

        attend = by_kernel

    def run_block(
        block: nn.Module, x: Tensor, turned: Turns, stored: Tensor, slots: Tensor, mask: Tensor | None
    ) -> Tensor:
        output: Tensor = block(x, turned, partial(attend, stored, slots, mask))
        return output

    return run_block


def by_torch(
    stored: Float[Tensor, "2 n h s d"],
    slots: Int[Tensor, " n"],
    mask: Float[Tensor, "n s"] | None,
    qkv: Float[Tensor, "3 n h 1 d"],
) -> Float[Tensor, "n h 1 d"]:
    """The same by torch's attention over all slots, ``mask`` being of all."""
    assert mask is not None
    rows = torch.arange(len(slots), device=slots.device)
    stored[:, rows, :, slots] = qkv[1:, :, :, 0].transpose(0, 1)
    return attention(qkv[0], stored[0], stored[1], mask[:, None, None].to(qkv.dtype))
