"""TTS-VAR on the embedded next-scale model: many coarse beginnings, few of them finished, one handed out."""

from scalingar import ImagePipeline
from scalingar.strategies import BestOfN, Strategy, TTSVar

PROMPT = "a photo of two dogs"

pipe = ImagePipeline.from_pretrained("embedded-next-scale")
strategies: dict[str, Strategy] = {
    "best-of-8": BestOfN(num_trajectories=8, reward="embedded"),
    "tts-var": TTSVar(num_trajectories=2, reward="embedded", feature="embedded", temperature_inverse=1.0),
}
for label, strategy in strategies.items():
    output = pipe(PROMPT, strategy=strategy, seed=7)
    ledger = output.ledger
    print(f"{label:10s} {ledger.tokens:5d} codes  {ledger.decodes:3d} decodes  {ledger.total_seconds:.2f} s")
    output.images[0].save(f"{label}.png")
