"""LlamaGen's transformer: a Llama over image codes with two-dimensional rotary positions.

State-dict keys are those of the released checkpoints. Three kinds of condition: a class label, a caption's T5
features, or the words of a small vocabulary (the embedded model, which also needs ordinary text positions: the
released models rotate condition slots by zero, which erases word order).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from scalingar.core.device.transfer import to_device
from scalingar.core.errors import ConfigError
from scalingar.models.arenas import Arenas
from scalingar.models.layers import FeedForward, Linear, RMSNorm, Turns, apply_rope, rope_table, turns
from scalingar.models.llamagen.compiling import compiled, fix_sizes
from scalingar.models.llamagen.condition import CaptionEmbedder, Condition, LabelEmbedder
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.fixed_cache import FixedCache
from scalingar.models.llamagen.fixed_step import FixedStep, Network, RunBlock, block_runner
from scalingar.models.llamagen.kv_cache import KVCache, View
from scalingar.models.llamagen.slots import Slots

PROGRAMS = 256
"""Compiled blocks in a process: one for each number of rows of each model."""

Attend = Callable[[Float[Tensor, "3 n h q d"]], Float[Tensor, "n h q d"]]
"""Attention over one layer's cache, from queries, keys and values, which it stores."""


def rotary_table(config: LlamaGenConfig) -> Float[Tensor, "s p 2"]:
    """The angles of every slot: no weight, always fp32."""
    return rope_table(
        config.grid,
        config.dim // config.heads,
        base=config.rope_base,
        prefix=config.condition_tokens,
        prefix_rotation=config.condition_positions == "learned",
    )


class Attention(nn.Module):
    """Multi-head attention with one fused projection, rows ordered all Q, all K, all V."""

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.wqkv = Linear(config.dim, 3 * config.dim)
        self.wo = Linear(config.dim, config.dim)

    def forward(
        self,
        x: Float[Tensor, "n q d"],
        turns: Turns,
        attend: Attend | None = None,
    ) -> Float[Tensor, "n q d"]:
        """``attend``: attention over this layer's cache. Without: causal attention within ``x``, for training."""
        qkv = apply_rope(self.wqkv(x).unflatten(-1, (3, self.heads, -1)), turns).permute(2, 0, 3, 1, 4)
        if attend is None:
            attended = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], is_causal=True)
        else:
            attended = attend(qkv)
        return self.wo(attended.transpose(1, 2).flatten(-2))


class Block(nn.Module):
    """Pre-norm attention and feed-forward, each added to the stream."""

    def __init__(self, config: LlamaGenConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.feed_forward = FeedForward(config.dim, config.hidden)
        self.attention_norm = RMSNorm(config.dim, config.norm_eps)
        self.ffn_norm = RMSNorm(config.dim, config.norm_eps)

    def forward(
        self,
        x: Float[Tensor, "n q d"],
        turns: Turns,
        attend: Attend | None = None,
    ) -> Float[Tensor, "n q d"]:
        h = x + self.attention(self.attention_norm(x), turns, attend)
        return h + self.feed_forward(self.ffn_norm(h))


class LlamaGen(nn.Module):
    """The transformer. Slots below ``t`` hold the condition, slot ``t + i`` image code ``i``.

    ``collapse_prefix``: keep one cache slot per prompt instead of one per condition slot; None: in fp32, where that is
    possible. Raises ConfigError if it is asked for and impossible.
    ``cuda_graphs``: decode on caches of fixed length with captured steps; None: on CUDA. On other devices the steps are
    the same and called one by one.
    """

    rope: Tensor

    def __init__(
        self, config: LlamaGenConfig, *, collapse_prefix: bool | None = None, cuda_graphs: bool | None = None
    ) -> None:
        super().__init__()
        if collapse_prefix and config.condition_positions != "zero":
            raise ConfigError(
                "collapse_prefix is True; this model's condition has positions, so it cannot be collapsed."
            )
        self.config = config
        self.collapse_prefix = collapse_prefix
        self.cuda_graphs = cuda_graphs
        text = config.condition == "text"
        self.cls_embedding = CaptionEmbedder(config) if text else LabelEmbedder(config)
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.dim)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.dim, config.norm_eps)
        self.output = Linear(config.dim, config.vocab_size)
        self.register_buffer("rope", rotary_table(config), persistent=False)
        self._compiled: Callable[[Tensor, Turns, View], Tensor] | None = None
        self._compile_options: dict[str, Any] | None = None
        self._compiled_block: RunBlock | None = None
        self._arenas = Arenas()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        rope = self.rope
        super()._apply(fn, recurse)
        self.rope = rope.to(self.rope.device)  # moved, never cast: the angles need fp32
        self._arenas.clear()  # their graphs read the weights where they were
        return self

    def compile(self, **options: Any) -> None:
        """Let ``torch.compile`` (whose options these are) make the decoding step, in place, when it first comes.

        Later steps need fewer and larger calls; their logits differ by rounding. Steps that are special to a compiler
        (:attr:`~scalingar.models.llamagen.kv_cache.View.special`) go the plain way, and so does all that is no step.
        Of captured steps one block is compiled, which serves all layers, for each number of rows.
        """
        self._compiled = compiled(self._run, **options)
        self._compile_options, self._compiled_block = options, None
        self._arenas.clear()

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights; the rotary table stays fp32."""
        return self.tok_embeddings.weight.dtype

    @property
    def device(self) -> torch.device:
        """Of the weights."""
        return self.tok_embeddings.weight.device

    @property
    def vocab_size(self) -> int:
        """Image codes V."""
        return self.config.vocab_size

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the code grid."""
        return self.config.grid

    @property
    def collapses(self) -> bool:
        """Whether :meth:`prefill` collapses the prefix."""
        wanted = self.dtype == torch.float32 if self.collapse_prefix is None else self.collapse_prefix
        return wanted and self.config.condition_positions == "zero" and self.config.condition_tokens > 1

    @property
    def captures(self) -> bool:
        """Whether steps are captured."""
        return self.device.type == "cuda" if self.cuda_graphs is None else self.cuda_graphs

    def condition(
        self,
        inputs: Int[Tensor, "p t"] | Float[Tensor, "p t c"],
        mask: Shaped[Tensor, "p t"] | None = None,
    ) -> Condition:
        """Embed labels or words ``(p, t)``, or T5 features ``(p, t, c)`` with the mask of valid slots."""
        inputs = inputs.to(self.device)
        return Condition(
            self.cls_embedding(inputs),
            self.cls_embedding.unconditional(inputs),
            None if mask is None else mask.to(self.device).bool(),
        )

    def prefill(self, condition: Condition, *, guided: bool) -> tuple[Float[Tensor, "b v"], KVCache]:
        """Run the condition slots once per prompt and branch; the rows are conditional, then unconditional.

        Returns fp32 logits of the first code and the cache, both of ``p`` rows, or ``2 p`` when ``guided``.
        """
        logits, _, cache = self.prefill_with_states(condition, guided=guided)
        return logits, cache

    def prefill_with_states(
        self, condition: Condition, *, guided: bool
    ) -> tuple[Float[Tensor, "b v"], Float[Tensor, "b d"], KVCache]:
        """See :meth:`prefill`, and in the middle the fp32 inputs of the output head."""
        x = condition.conditional
        mask = condition.mask
        if guided:
            x = torch.cat([x, condition.unconditional])
            mask = None if mask is None else torch.cat([mask, mask])
        prefix = self.config.condition_tokens
        later = self.config.image_tokens - 1  # the last code is never fed back
        cache = self._empty_cache(len(x), prefix if self.collapses else prefix + later, mask)
        states = self._hidden(x.to(self.dtype), turns(self.rope[:prefix]), cache.view(Slots(0, prefix)))
        if self.collapses:
            cache = cache.collapse(prefix, later)
        return self._logits(states), states.float(), self._fixed(cache) if self.captures else cache

    def step(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: KVCache) -> Float[Tensor, "n v"]:
        """Feed one code per row, code number ``positions`` (CPU) of its image; fp32 logits of the next one."""
        if isinstance(cache, FixedCache):
            return cache.step(codes, to_device(positions, self.device))
        x, turned, view = self._inputs(codes, positions, cache)
        if self._compiled is None or view.special:
            return self._run(x, turned, view)
        pairs = torch.view_as_real(turned)
        fix_sizes(pairs, but=None if view.slots.uniform else 0)
        fix_sizes(x, but=0)
        for layer in cache.layers:
            fix_sizes(layer, but=1)
        return self._compiled(x, pairs, view)

    def step_with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: KVCache
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """See :meth:`step`, and the fp32 inputs of the output head. The step is not compiled as a whole."""
        if isinstance(cache, FixedCache):
            return cache.step_with_states(codes, to_device(positions, self.device))
        states = self._hidden(*self._inputs(codes, positions, cache))
        return self._logits(states), states.float()

    def _inputs(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: KVCache
    ) -> tuple[Float[Tensor, "n 1 d"], Turns, View]:
        """What a step runs on: embedded codes, their rotations, and the cache as they see it."""
        prefix = self.config.condition_tokens
        slots = Slots.at(positions + (1 if cache.collapsed else prefix))
        turn = prefix + positions
        first = int(turn[0])
        rope = self.rope[first : first + 1] if slots.uniform else self.rope[to_device(turn, self.device)][:, None]
        return self.tok_embeddings(codes)[:, None], turns(rope), cache.view(slots)

    def forward(
        self, condition: Float[Tensor, "n t d"], codes: Int[Tensor, "n i"], cells: Int[Tensor, " i"] | None = None
    ) -> Float[Tensor, "n j v"]:
        """Teacher-forced logits of codes ``0 .. i`` given the embedded condition, without a cache or masks.

        ``cells``: where on the grid the codes stand, when they are not its first ``i`` cells.
        """
        x = torch.cat([condition, self.tok_embeddings(codes)], dim=1)
        rope = self.rope[: x.shape[1]]
        if cells is not None:
            slots = self.config.condition_tokens
            rope = torch.cat([self.rope[:slots], self.rope[slots + cells]])
        turned = turns(rope)
        for layer in self.layers:
            x = layer(x, turned)
        return self.output(self.norm(x[:, self.config.condition_tokens - 1 :])).float()

    def _empty_cache(self, rows: int, slots: int, mask: Bool[Tensor, "n t"] | None) -> KVCache:
        config = self.config
        shape = (2, rows, config.heads, slots, config.dim // config.heads)
        # Not torch.empty: a masked slot still enters attention as 0 * value, and 0 * NaN is NaN.
        layers = [torch.zeros(shape, dtype=self.dtype, device=self.device) for _ in range(config.layers)]
        return KVCache(layers, mask)

    def _block(self) -> RunBlock:
        """Runs a block of a captured step; compiled, it is one function, so that it is compiled once."""
        if self._compile_options is None:
            return block_runner(self.device)
        if self._compiled_block is None:
            options = {"dynamic": False, "fullgraph": True, **self._compile_options}
            self._compiled_block = compiled(block_runner(self.device), programs=PROGRAMS, **options)
        return self._compiled_block

    def _fixed(self, cache: KVCache) -> FixedCache:
        prefix = self.config.condition_tokens
        network = Network(
            embed=self.tok_embeddings,
            blocks=list(self.layers),
            last=self._last,
            head=self._logits,
            rope=self.rope,
            prefix=prefix,
            run_block=self._block(),
            compiled=self._compile_options is not None,
        )
        make_step = partial(FixedStep, network, first=1 if cache.collapsed else prefix)
        return FixedCache(cache.layers, cache.prefix_mask, arenas=self._arenas, make_step=make_step)

    def _run(self, x: Float[Tensor, "n q d"], turned: Turns, view: View) -> Float[Tensor, "n v"]:
        return self._logits(self._hidden(x, turned, view))

    def _hidden(self, x: Float[Tensor, "n q d"], turned: Turns, view: View) -> Float[Tensor, "n d"]:
        for index, layer in enumerate(self.layers):
            x = layer(x, turned, partial(view.attend, index))
        return self._last(x)

    def _last(self, x: Float[Tensor, "n q d"]) -> Float[Tensor, "n d"]:
        """The input of the output head at the last slot, from the last block's output."""
        states: Tensor = self.norm(x[:, -1])
        return states

    def _logits(self, states: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        logits: Tensor = self.output(states).float()
        return logits
