"""ScalingAR (arXiv 2509.26376): cut trajectories that lose confidence, guide the others by theirs."""

from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from scalingar.core.outputs import Candidate
from scalingar.policy.guidance_schedule import GuidanceConfig, guidance_scale
from scalingar.policy.termination import Gate, GateConfig
from scalingar.strategies.strategy import STRATEGIES, Decision, Search, Setting, Step, Strategy


@STRATEGIES.register("scaling-ar")
class ScalingAR(Strategy):
    """The method of the paper. ``preset`` fills in v3 (Algorithm 1) or v1; single values may be set on top of it."""

    preset: Literal["v3", "v1"] = Field("v3", description="which version of the paper")
    gate: GateConfig = GateConfig()
    guidance: GuidanceConfig = GuidanceConfig()

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("preset") != "v1":
            return values
        parts = {"gate": GateConfig.v1(), "guidance": GuidanceConfig.v1()}
        given = {name: values.get(name, {}) for name in parts}
        filled = {
            name: {**part.model_dump(exclude_defaults=True), **given[name]}
            if isinstance(given[name], dict)
            else given[name]
            for name, part in parts.items()
        }
        return {**values, **filled}

    @classmethod
    def v3(cls, **settings: Any) -> "ScalingAR":
        """The paper's third version, the default."""
        return cls(**settings)

    @classmethod
    def v1(cls, **settings: Any) -> "ScalingAR":
        """The paper's first version."""
        return cls(preset="v1", **settings)

    def search(self, setting: Setting) -> "ScalingARSearch":
        """A fresh run for one prompt."""
        return ScalingARSearch(setting, self)

    def choose(self, candidates: list[Candidate], setting: Setting) -> int:
        """The survivor with the highest final confidence C_T; no reward."""
        values = [candidate.signals["final_confidence"] for candidate in candidates]
        return values.index(max(values))


class ScalingARSearch(Search):
    """Algorithm 1 for one prompt: profile, threshold, cut, guidance scale."""

    def __init__(self, setting: Setting, strategy: ScalingAR) -> None:
        history = strategy.guidance.variance_window if strategy.guidance.enabled else 0
        super().__init__(setting, strategy.profile, strategy.num_trajectories, history=history)
        self.strategy = strategy
        self.gate = Gate.start(strategy.gate, setting.total_steps)

    def observe(self, step: Step) -> Decision:
        """One round of the algorithm; the new guidance scale applies to the draw of this very step."""
        self.profile = self.profile.update(step.statistics, step.position)
        values = self.profile.values
        self.gate, verdict = self.gate.update(step.position, values["C"], values["R"])
        scale = guidance_scale(
            self.strategy.guidance,
            self.setting.guidance_scale,
            step.guidance_scale,
            values["D_hat"],
            self.profile.intrinsic_history,
            values["R"],
        )
        if not verdict.keep.all():
            self.gate = self.gate.select(verdict.keep)
        return self.decide(
            verdict.keep,
            verdict.reason.tolist(),
            scale,
            theta=np.full(len(scale), verdict.threshold, np.float32),
            below=verdict.below,
            unrecovered=verdict.unrecovered,
        )
