"""The same noise under several strategies: which of eight trajectories each one hands out, and what it costs."""

from scalingar import ImagePipeline
from scalingar.strategies import BestOfN, MostConfidentOfN, PmiOfN, RandomOfN, ScalingAR, Single, StopWhenGood

PROMPT = "a photo of a red apple left of a dog"
STRATEGIES = {
    "one trajectory": Single(),
    "a random one": RandomOfN(),
    "best by reward": BestOfN(reward="embedded"),
    "stop when good": StopWhenGood(reward="embedded", rule={"threshold": -0.5}),
    "most confident": MostConfidentOfN(),
    "largest PMI": PmiOfN(),
    "ScalingAR": ScalingAR(),
}

pipe = ImagePipeline.from_pretrained("embedded")
for name, strategy in STRATEGIES.items():
    output = pipe(PROMPT, strategy=strategy, seed=7)
    ledger = output.ledger
    print(f"{name:15s} trajectory {output.results[0].chosen}  {ledger.tokens:5d} tokens  {ledger.total_seconds:.2f} s")
    output.images[0].save(f"{name}.png")
