"""ScalingAR (arXiv 2509.26376): cut trajectories that lose confidence, guide the others by theirs."""

from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, Field, model_validator

from scalingar.core.decoding_kind import Decoding
from scalingar.core.outputs import Candidate
from scalingar.policy.guidance_schedule import GuidanceConfig, GuidanceSchedule
from scalingar.policy.termination import Gate, GateConfig
from scalingar.profile.profile_config import ProfileConfig
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import STRATEGIES, Strategy, argmax

PRESETS: dict[str, dict[str, BaseModel]] = {
    "v3-start": {"profile": ProfileConfig(minimum_since="start")},
    "v1": {"gate": GateConfig.v1(), "guidance": GuidanceConfig.v1()},
}
"""What a preset changes of the defaults, which are v3's."""
_FINAL = "final_confidence"


@STRATEGIES.register("scaling-ar")
class ScalingAR(Strategy):
    """Cuts trajectories that lose confidence, guides the rest by theirs, takes the most confident (arXiv 2509.26376).

    ``preset`` fills in v3 (Algorithm 1) or v1; single values may be set on top of it.
    """

    serves: ClassVar[tuple[Decoding, ...]] = ("next-token",)
    preset_parts: ClassVar[tuple[str, ...]] = ("profile", "gate", "guidance")

    preset: Literal["v3", "v3-start", "v1"] = Field(
        "v3", description="which version of the paper; v3-start: v3 with C_min since the first step"
    )
    gate: GateConfig = GateConfig()
    guidance: GuidanceConfig = GuidanceConfig()

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        parts = PRESETS.get(str(values.get("preset")), {})
        filled = {}
        for name, part in parts.items():
            value = values.get(name, {})
            value = value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
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
        """The gate's warm-up, after which the profile's C_min begins anew."""
        return Needs(warmup=self.gate.warmup_fraction)

    def search(self, setting: Setting) -> "ScalingARSearch":
        """A new search for one image."""
        return ScalingARSearch(setting, self)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The survivor with the highest final confidence C_T, the first on ties; no reward."""
        return argmax(candidate.signals[_FINAL] for candidate in candidates)

    def chosen_by(self) -> str:
        """The final confidence."""
        return _FINAL


class ScalingARSearch(Search):
    """Algorithm 1 for one image: profile, threshold, cut, guidance scale."""

    def __init__(self, setting: Setting, strategy: ScalingAR) -> None:
        super().__init__(strategy, setting)
        self.gate = Gate.start(strategy.gate, setting.total_steps)
        guided = strategy.guidance if setting.guidance_scale > 1 else GuidanceConfig(enabled=False)
        self.schedule = GuidanceSchedule.start(guided, setting.guidance_scale, self.starts, setting.total_steps)

    def before_draw(self, step: Step) -> Decision:
        """One round of the algorithm; the new guidance scale applies to this step's draw."""
        profile = step.profile
        assert profile is not None  # it serves next-token models only
        values = profile.values
        self.gate, decision = self.gate.update(step.position, values["C"], values["R"])
        self.schedule, scale = self.schedule.update(step.guidance_scale, values)
        trace = {
            "theta": np.full(len(scale), decision.threshold, np.float32),
            "below": decision.below,
            "unrecovered": decision.unrecovered,
        }
        return Decision(decision.keep.nonzero()[0], decision.reason.tolist(), scale, trace)

    def follow(self, rows: Int[np.ndarray, " m"]) -> None:
        """Reorder flags and histories with their rows."""
        self.gate, self.schedule = self.gate.select(rows), self.schedule.select(rows)
