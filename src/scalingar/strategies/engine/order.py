"""What is asked of the engine: one image, with all in which images of a live batch may differ."""

from __future__ import annotations

from dataclasses import dataclass

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.decoder import Decoder
from scalingar.models.prompts.rewriters import rewritten
from scalingar.profile.profile_config import ProfileConfig
from scalingar.rewards.verifiers.verifier import Verifier
from scalingar.strategies.engine.looks import ImageLooks
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import Strategy, branches_of


def reads_states(strategy: Strategy, verifier: Verifier | None) -> bool:
    """Whether hidden states are to be kept: the strategy's searches read them, or its verifier does."""
    return strategy.needs().states or (verifier is not None and verifier.waits)


@dataclass(frozen=True)
class Manner:
    """How rows are drawn and observed; rows of equal manners are computed together."""

    sampling: SamplingConfig
    profile: ProfileConfig


@dataclass(frozen=True, eq=False, kw_only=True)
class Order:
    """An image to draw.

    ``decoder``: its model is the engine's, its sampling this image's. ``guidance_scale``: s_base.
    ``looks``: with the reward and the feature that the strategy needs. ``show``: decode the chosen image.
    """

    prompt: str
    seed: int
    strategy: Strategy
    decoder: Decoder
    guidance_scale: float
    looks: ImageLooks
    show: bool = True

    @property
    def branches(self) -> int:
        """See :func:`branches_of`."""
        return branches_of(self.strategy, self.guidance_scale)

    @property
    def states(self) -> bool:
        """See :func:`reads_states`."""
        return reads_states(self.strategy, self.looks.verifier)

    @property
    def second_prompt(self) -> str | None:
        """What its third branch reads; None without one. Raises PromptError for a prompt that is not rewritten."""
        rewriter = self.strategy.needs().rewriter
        return None if rewriter is None else rewritten(rewriter, self.prompt)

    @property
    def manner(self) -> Manner:
        """See :class:`Manner`."""
        return Manner(self.decoder.sampling, self.strategy.profile)

    @property
    def setting(self) -> Setting:
        """As its search takes it."""
        return Setting.of(self.decoder, self.guidance_scale, self.seed)
