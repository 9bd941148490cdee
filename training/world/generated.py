"""Images of the embedded generator for official prompts, drawn once and kept."""

from pathlib import Path

import numpy as np
from PIL import Image

from scalingar.bench.benchmarks.geneval.metadata import TASKS, Metadata
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.pipeline.pipeline import ImagePipeline

BATCH = 16


def chosen_prompts(per_task: int, seed: int) -> list[Metadata]:
    """``per_task`` official prompts of every task."""
    rng = np.random.default_rng((seed, 71))
    chosen: list[Metadata] = []
    for task in TASKS:
        members = [one for one in official_prompts() if one.tag == task]
        chosen += [members[i] for i in sorted(rng.permutation(len(members))[:per_task])]
    return chosen


def generated(work_dir: Path, model: str, per_task: int, images: int, seed: int) -> list[tuple[Metadata, Image.Image]]:
    """Every chosen prompt ``images`` times, plain sampling; kept in the work folder by the model's weights."""
    prompts = chosen_prompts(per_task, seed)
    pipe = ImagePipeline.from_pretrained(model)
    told = f"{next(iter(pipe.hashes.values()))[:12]}-{per_task}-{images}-{seed}"
    path = work_dir / "judged" / f"{told}.npz"
    if not path.exists():
        pictures: list[np.ndarray] = []
        for start in range(0, len(prompts), BATCH // images):
            part = [one.prompt for one in prompts[start : start + BATCH // images]]
            output = pipe(part, strategy="single", seed=seed + start, num_images_per_prompt=images)
            pictures += [np.asarray(image) for image in output.images]
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, pictures=np.stack(pictures))
    with np.load(path) as archive:
        kept = archive["pictures"]
    repeated = [one for one in prompts for _ in range(images)]
    return [(one, Image.fromarray(picture)) for one, picture in zip(repeated, kept, strict=True)]
