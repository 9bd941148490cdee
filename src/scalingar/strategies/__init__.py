"""Test-time scaling strategies, one file each: a frozen config and a search per image. No decoding loop."""

from scalingar.strategies.best_of_n import BestOfN
from scalingar.strategies.budgets.allocate import Allocate
from scalingar.strategies.budgets.stop_when_good import StopWhenGood
from scalingar.strategies.controls import MostConfidentOfN, PmiOfN, RandomOfN
from scalingar.strategies.importance_sampling import ImportanceSampling
from scalingar.strategies.particles import Particles
from scalingar.strategies.preview_then_finish import PreviewThenFinish
from scalingar.strategies.rivals.beam import Beam
from scalingar.strategies.rivals.density import Density
from scalingar.strategies.rivals.fr_tts import FRTTS
from scalingar.strategies.rivals.gridar import GridAR
from scalingar.strategies.rivals.lookahead import Lookahead
from scalingar.strategies.rivals.parm import Parm
from scalingar.strategies.rivals.scale_beam import ScaleBeam
from scalingar.strategies.rivals.speculative_rejection import SpeculativeRejection
from scalingar.strategies.scaling_ar import ScalingAR
from scalingar.strategies.single import Single
from scalingar.strategies.strategy import STRATEGIES, Strategy
from scalingar.strategies.successive_halving import SuccessiveHalving
from scalingar.strategies.tts_var import TTSVar
from scalingar.strategies.verified.verifier_halving import VerifierHalving
from scalingar.strategies.verified.verifier_of_n import VerifierOfN

__all__ = [
    "FRTTS",
    "STRATEGIES",
    "Allocate",
    "Beam",
    "BestOfN",
    "Density",
    "GridAR",
    "ImportanceSampling",
    "Lookahead",
    "MostConfidentOfN",
    "Parm",
    "Particles",
    "PmiOfN",
    "PreviewThenFinish",
    "RandomOfN",
    "ScaleBeam",
    "ScalingAR",
    "Single",
    "SpeculativeRejection",
    "StopWhenGood",
    "Strategy",
    "SuccessiveHalving",
    "TTSVar",
    "VerifierHalving",
    "VerifierOfN",
]
