"""Test-time scaling strategies, one file each: a frozen config and a search per image. No decoding loop."""

from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.budgets.allocate import Allocate
from scalingar.strategies.budgets.stop_when_good import StopWhenGood
from scalingar.strategies.controls import MostConfidentOfN, PmiOfN, RandomOfN
from scalingar.strategies.importance_sampling import ImportanceSampling
from scalingar.strategies.particles import Particles
from scalingar.strategies.scaling_ar import ScalingAR
from scalingar.strategies.single import Single
from scalingar.strategies.strategy import STRATEGIES, Strategy
from scalingar.strategies.successive_halving import SuccessiveHalving
from scalingar.strategies.tts_var import TTSVar
from scalingar.strategies.verified.verifier_halving import VerifierHalving
from scalingar.strategies.verified.verifier_of_n import VerifierOfN

__all__ = [
    "STRATEGIES",
    "Allocate",
    "BestOfN",
    "ImportanceSampling",
    "MostConfidentOfN",
    "Particles",
    "PmiOfN",
    "RandomOfN",
    "ScalingAR",
    "Single",
    "StopWhenGood",
    "Strategy",
    "SuccessiveHalving",
    "TTSVar",
    "VerifierHalving",
    "VerifierOfN",
]
