"""The same noise under several strategies: which of eight trajectories each one hands out, and what it costs."""

from scalingar import ImagePipeline

PROMPT = "a photo of a red apple left of a dog"

pipe = ImagePipeline.from_pretrained("embedded")
for strategy in ("single", "random-of-n", "best-of-n", "most-confident-of-n", "pmi-of-n", "scaling-ar"):
    output = pipe(PROMPT, strategy=strategy, seed=7)
    ledger = output.ledger
    print(
        f"{strategy:20s} trajectory {output.results[0].chosen}  {ledger.tokens:5d} tokens  {ledger.total_seconds:.2f} s"
    )
    output.images[0].save(f"{strategy}.png")
