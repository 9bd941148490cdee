"""Preview, then finish: all trajectories are judged once, early, and only the few that are kept draw the rest."""

from typing import Literal, Self

import numpy as np
from jaxtyping import Int
from pydantic import Field, model_validator

from scalingar.core.errors import ConfigError, DecodingError
from scalingar.core.outputs import Candidate
from scalingar.policy.diversity import Reduction, reduce_features, select_diverse
from scalingar.profile.duration import Duration, steps_of
from scalingar.profile.rounding import descending
from scalingar.rewards.verifiers import VALUE_SCALE
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Candidates, Decision, Pick, Search, Start, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax, most_valued

HALF = 0.5
"""Where a model without a preview is judged unless told (chosen)."""
_LOSERS = "not among the best previews"


@STRATEGIES.register("preview-then-finish")
class PreviewThenFinish(Strategy):
    """Draws N previews, goes on with the best few (``keep``), and returns the best of those.

    A model that draws a preview (GLM-Image) is judged when that is complete: the whole picture at low resolution,
    before the codes of the large grid. A next-scale model is stopped at a scale, which is a whole picture too, if a
    coarse one. Of another next-token model there is only a prefix, the upper rows: it is judged all the same, as
    successive halving does, and says less (docs/preview.md).
    """

    keep: int = Field(1, ge=1, description="k, how many trajectories go on after the preview")
    at: Duration | None = Field(
        None,
        description="steps (codes or scales), or share of the steps, after which all are judged; None: when the "
        "model's own preview is complete, and after half of the steps where it draws none",
    )
    judge: Literal["reward", "verifier", "clusters"] = Field(
        "reward",
        description="who goes on: the highest rewards, the highest values of a verifier, which makes no picture, or "
        "one of each of k clusters of similar pictures",
    )
    reward: str | None = Field(
        None,
        description="judges previews, and picks among those kept; a signal such as confidence makes no picture; "
        "None: the model's own, or none where a verifier judges",
    )
    verifier: str | None = Field(
        None,
        description="a folder, or a name; None: the model's own; picks among those kept too, unless a reward is named",
    )
    feature: str = Field("pixels", description="what is clustered: pixels or dinov2; name:source")
    reduction: Reduction = Field("per-image", description="from patch features to one row per image")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.reward is not None and not self.needs().rewarded:
            raise ValueError(f"nothing asks the reward {self.reward}; leave it out, or keep more than 1")
        if self.verifier is not None and self.judge != "verifier":
            raise ValueError(f"nothing asks the verifier {self.verifier}; leave it out, or set judge to verifier")
        return self

    def needs(self) -> Needs:
        """What judges previews, and what picks among several that are kept: the reward, where no verifier does."""
        verified = self.judge == "verifier"
        rewarded = self.judge == "reward" or (self.keep > 1 and not (verified and self.reward is None))
        return Needs(
            rewarded=rewarded,
            reward=self.reward if rewarded else None,
            feature=self.feature if self.judge == "clusters" else None,
            verified=verified,
            verifier=self.verifier,
        )

    def search(self, setting: Setting) -> "PreviewSearch":
        """A new search for one image. Raises ConfigError if an image has no step left after the preview."""
        return (ScalePreviewSearch if setting.scales else CodePreviewSearch)(self, setting)

    def ends(self, setting: Setting) -> int:
        """Steps after which previews are judged. Raises ConfigError if none are left then."""
        if self.at is None and setting.preview is not None:
            return setting.preview_steps
        end = steps_of(HALF if self.at is None else self.at, setting.total_steps)
        if self.at is not None and end >= setting.total_steps:
            raise ConfigError(
                f"preview-then-finish: at is {self.at}, and an image of this model has {setting.total_steps} "
                f"{setting.step_name}s; it must be less."
            )
        return end

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """Position of the highest reward or value, the first on ties; of a single candidate none is asked."""
        needs = self.needs()
        if len(candidates) == 1 or not (needs.rewarded or needs.verified):
            return 0
        if needs.rewarded:
            return argmax(candidate.rewards[str(self.reward)] for candidate in candidates)
        return most_valued(candidates)


class PreviewSearch(Search):
    """The search for one image: who goes on, asked once. Subclasses say in which half of a step."""

    def __init__(self, strategy: PreviewThenFinish, setting: Setting) -> None:
        """Raises ConfigError if all go on, so that no preview would be judged; a single trajectory alone may."""
        super().__init__(strategy, setting)
        if strategy.keep >= max(2, strategy.num_trajectories):
            raise ConfigError(
                f"preview-then-finish: keep is {strategy.keep} of {strategy.num_trajectories} trajectories, so that no "
                "preview would be judged; keep fewer, or draw more (num_trajectories)."
            )
        self.settings = strategy
        self.end = strategy.ends(setting)

    def judged(self, step: Step) -> Decision | None:
        """The decision at the end of the preview. Raises DecodingError if features or values are not numbers."""
        count, keep = len(step), self.settings.keep
        if step.position != self.end or count <= keep:
            return None
        if self.settings.judge == "clusters":
            return Decision.of(self._diverse(step, keep), count, "another of its cluster went on")
        if self.settings.judge == "verifier":
            values = step.values()
            return Decision.of(np.sort(descending(values, VALUE_SCALE)[:keep]), count, _LOSERS, verifier=values)
        rewards = step.rewards()
        best = np.sort(descending(rewards)[:keep])
        return Decision.of(best, count, _LOSERS, reward=rewards)

    def _diverse(self, step: Step, keep: int) -> Int[np.ndarray, " m"]:
        features = step.features()
        try:
            return select_diverse(reduce_features(features, self.settings.reduction), keep)
        except ValueError as error:
            raise DecodingError(
                f"at {self.setting.step_name} {step.position} {error}; check the model's weights and their dtype."
            ) from None

    def when_done(self, finished: Candidates) -> Start | Pick:
        """A single survivor is handed out as it is; of several the reward picks."""
        return Pick(finished[0].index) if len(finished) == 1 else super().when_done(finished)


class CodePreviewSearch(PreviewSearch):
    """Before a draw: of a next-token model, so that codes are computed ahead on a device until then."""

    def before_draw(self, step: Step) -> Decision | None:
        """Judge once the preview's last codes are drawn and fed."""
        return self.judged(step)


class ScalePreviewSearch(PreviewSearch):
    """Of a next-scale model: right after a draw, before the transformer runs the next scale for every row.

    Where a verifier waits for that, before the next draw.
    """

    def _waits(self, step: Step) -> bool:
        return self.settings.judge == "verifier" and step.values_wait

    def before_draw(self, step: Step) -> Decision | None:
        """Judge by a verifier that has only now read the scale before."""
        return self.judged(step) if self._waits(step) else None

    def after_draw(self, step: Step) -> Decision | None:
        """Judge once the scale is drawn."""
        return None if self._waits(step) else self.judged(step)
