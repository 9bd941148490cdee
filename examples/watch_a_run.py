"""Follow a run step by step: who is alive, and the confidence of each."""

from scalingar import ImagePipeline

pipe = ImagePipeline.from_pretrained("embedded")
stream = pipe.stream("a photo of two dogs", strategy="scaling-ar", num_trajectories=4, seed=1)
for event in stream:
    for index, reason in event.cut.items():
        print(f"step {event.position}: trajectory {index} cut, {reason}")
    if event.position % 24 == 0:
        values = ", ".join(f"{i}: {c:.3f}" for i, c in zip(event.indices, event.values["C"], strict=True))
        print(f"step {event.position}: {values}")
assert stream.output is not None
stream.output.images[0].save("watched.png")
