"""Steps of transformers' models from the state that their logits are computed from."""

from jaxtyping import Float, Int
from torch import Tensor

from scalingar.models.hf.hf_cache import HFCache
from scalingar.models.hf.prompt_tokens import PromptTokens


class HiddenSteps:
    """Prefill and step of a next-token model, with the hidden states on request.

    Subclasses say how prompts and codes are fed, ``_prefilled`` and ``_fed``, and what the output head is, ``_logits``.
    """

    def prefill(self, condition: PromptTokens, *, guided: bool) -> tuple[Float[Tensor, "b v"], HFCache]:
        """Run the prompts once per branch; fp32 logits of the first code and the cache, conditional rows first."""
        logits, _, cache = self.prefill_with_states(condition, guided=guided)
        return logits, cache

    def prefill_with_states(
        self, condition: PromptTokens, *, guided: bool
    ) -> tuple[Float[Tensor, "b v"], Float[Tensor, "b d"], HFCache]:
        """See :meth:`prefill`, and in the middle the fp32 inputs of the output head."""
        states, cache = self._prefilled(condition, guided=guided)
        return self._logits(states), states.float(), cache

    def step(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n v"]:
        """Feed code number ``positions`` (CPU, all equal) of each row; fp32 logits of the next."""
        return self._logits(self._fed(codes, positions, cache))

    def step_with_states(
        self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache
    ) -> tuple[Float[Tensor, "n v"], Float[Tensor, "n d"]]:
        """See :meth:`step`, and the fp32 inputs of the output head."""
        states = self._fed(codes, positions, cache)
        return self._logits(states), states.float()

    def _prefilled(self, condition: PromptTokens, *, guided: bool) -> tuple[Float[Tensor, "b d"], HFCache]:
        raise NotImplementedError(type(self).__name__)

    def _fed(self, codes: Int[Tensor, " n"], positions: Int[Tensor, " n"], cache: HFCache) -> Float[Tensor, "n d"]:
        raise NotImplementedError(type(self).__name__)

    def _logits(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n v"]:
        raise NotImplementedError(type(self).__name__)
