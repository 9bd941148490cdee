"""ScalingAR (arXiv 2509.26376): cut trajectories that lose confidence, guide the others by theirs."""

from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Int
from pydantic import Field, model_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.outputs import Candidate
from scalingar.policy.guidance_schedule import GuidanceConfig, guidance_scale
from scalingar.policy.termination import Gate, GateConfig
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax


@STRATEGIES.register("scaling-ar")
class ScalingAR(Strategy):
    """The method of the paper. ``preset`` fills in v3 (Algorithm 1) or v1; single values may be set on top of it."""

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token",)
    preset_parts: ClassVar[tuple[str, ...]] = ("profile", "gate", "guidance")

    preset: Literal["v3", "v1"] = Field("v3", description="which version of the paper")
    gate: GateConfig = GateConfig()
    guidance: GuidanceConfig = GuidanceConfig()

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("preset") != "v1":
            return values
        parts = {"gate": GateConfig.v1(), "guidance": GuidanceConfig.v1()}
        filled = {}
        for name, part in parts.items():
            value = values.get(name, {})
            filled[name] = part.model_dump(exclude_defaults=True) | value if isinstance(value, dict) else value
        return {**values, **filled}

    @classmethod
    def v3(cls, **settings: Any) -> "ScalingAR":
        """The paper's third version, the default."""
        return cls(**settings)

    @classmethod
    def v1(cls, **settings: Any) -> "ScalingAR":
        """The paper's first version."""
        return cls(preset="v1", **settings)

    def needs(self) -> Needs:
        """The last values of I if the guidance scale depends on their variance."""
        return Needs(history=self.guidance.variance_window if self.guidance.enabled else 0)

    def search(self, setting: Setting) -> "ScalingARSearch":
        """A new search for one image."""
        return ScalingARSearch(setting, self)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The survivor with the highest final confidence C_T, the first on ties; no reward."""
        return argmax(candidate.signals["final_confidence"] for candidate in candidates)


class ScalingARSearch(Search):
    """Algorithm 1 for one image: profile, threshold, cut, guidance scale."""

    def __init__(self, setting: Setting, strategy: ScalingAR) -> None:
        super().__init__(strategy, setting)
        self.guidance = strategy.guidance
        self.gate = Gate.start(strategy.gate, setting.total_steps)

    def before_draw(self, step: Step) -> Decision:
        """One round of the algorithm; the new guidance scale applies to this step's draw."""
        profile = step.profile
        assert profile is not None  # it serves next-token models only
        values = profile.values
        self.gate, decision = self.gate.update(step.position, values["C"], values["R"])
        scale = guidance_scale(
            self.guidance,
            self.setting.guidance_scale,
            step.guidance_scale,
            values["D_hat"],
            profile.intrinsic_history,
            values["R"],
        )
        trace = {
            "theta": np.full(len(scale), decision.threshold, np.float32),
            "below": decision.below,
            "unrecovered": decision.unrecovered,
        }
        return Decision(decision.keep.nonzero()[0], decision.reason.tolist(), scale, trace)

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Reorder the flags with their rows."""
        self.gate = self.gate.select(rows)
