"""The same noise under several strategies: which of eight trajectories each one hands out, and what it costs.

The seed is the first from 7 on with which one trajectory is wrong and the best of eight by reward right. How often that
is so is in README.
"""

from scalingar import ImagePipeline
from scalingar.strategies import BestOfN, MostConfidentOfN, PmiOfN, RandomOfN, ScalingAR, Single, StopWhenGood

PROMPT = "a photo of a red apple left of a dog"
STRATEGIES = {
    "one trajectory": Single(),
    # With a reward: what to try first.
    "best by reward": BestOfN(num_trajectories=8, reward="embedded"),
    "stop when good": StopWhenGood(num_trajectories=8, reward="embedded", rule={"threshold": -0.6}),
    # Without one.
    "most confident": MostConfidentOfN(num_trajectories=8),
    "ScalingAR": ScalingAR(num_trajectories=8),
    "largest PMI": PmiOfN(num_trajectories=8),
    "a random one": RandomOfN(num_trajectories=8),
}

pipe = ImagePipeline.from_pretrained("embedded")
judge = pipe.reward("embedded")
for name, strategy in STRATEGIES.items():
    output = pipe(PROMPT, strategy=strategy, seed=8)
    picture, ledger = output.images[0], output.ledger
    picture.save(f"{name}.png")
    (score,) = judge.score(PROMPT, [picture])
    chosen = f"trajectory {output.results[0].chosen}"
    print(f"{name:15s} {chosen}  reward {score:6.3f}  {ledger.tokens:5d} tokens  {ledger.total_seconds:.2f} s")
