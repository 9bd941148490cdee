"""Images of the embedded generator for official prompts, cached on disk."""

from pathlib import Path

import numpy as np
from PIL import Image

from scalingar.bench.benchmarks.geneval.metadata import TASKS, Metadata
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.bench.image_seeds import image_seed
from scalingar.pipeline.pipeline import ImagePipeline
from training.writing import replaced

BATCH = 16
"""Images drawn together; those of one prompt are never divided."""


def chosen_prompts(per_task: int, seed: int) -> list[Metadata]:
    """``per_task`` official prompts of every task."""
    rng = np.random.default_rng((seed, 71))
    chosen: list[Metadata] = []
    for task in TASKS:
        members = [metadata for metadata in official_prompts() if metadata.tag == task]
        chosen += [members[i] for i in sorted(rng.permutation(len(members))[:per_task])]
    return chosen


def generated(work_dir: Path, model: str, per_task: int, images: int, seed: int) -> list[tuple[Metadata, Image.Image]]:
    """``images`` images of every chosen prompt, by plain sampling, each on noise of its own.

    Cached for the weights of the model. (Files in whose names a ``-`` stands for the ``x`` are of before: their prompts
    share noise.)
    """
    prompts = chosen_prompts(per_task, seed)
    pipe = ImagePipeline.from_pretrained(model)
    name = f"{next(iter(pipe.hashes.values()))[:12]}-{per_task}x{images}-{seed}"
    path = work_dir / "judged" / f"{name}.npz"
    if not path.exists():
        pictures: list[np.ndarray] = []
        together = max(1, BATCH // images)
        for start in range(0, len(prompts), together):
            part = [metadata.prompt for metadata in prompts[start : start + together]]
            seeds = [image_seed(seed, prompt, number) for prompt in part for number in range(images)]
            output = pipe(part, strategy="single", seed=seeds, num_images_per_prompt=images)
            pictures += [np.asarray(image) for image in output.images]
        with replaced(path) as file:
            np.savez_compressed(file, pictures=np.stack(pictures))
    with np.load(path) as archive:
        kept = archive["pictures"]
    repeated = [metadata for metadata in prompts for _ in range(images)]
    return [(metadata, Image.fromarray(picture)) for metadata, picture in zip(repeated, kept, strict=True)]
