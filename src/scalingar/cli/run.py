"""Running a recipe: load, decode, write, tell."""

import json
from contextlib import nullcontext
from enum import Enum, auto
from pathlib import Path

import torch
from rich.console import Console

from scalingar.cli.progress import follow, plain_warnings
from scalingar.cli.repeat import Repeat
from scalingar.core.errors import ConfigError
from scalingar.core.files import check_writable
from scalingar.core.outputs import ImageOutput
from scalingar.models.prompts.encoders import check_prompts
from scalingar.pipeline.pipeline import DTYPES, ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.report import ledger_table, trajectory_table
from scalingar.report.run_folder import Results


class Show(Enum):
    """What goes to stdout."""

    TABLES = auto()
    JSON = auto()
    NOTHING = auto()


def run(recipe: Recipe, folder: Path, show: Show, repeat: Repeat | None = None) -> None:
    """Follow a recipe and leave its results in ``folder``.

    Raises:
        ScalingarError: one sentence on what is wrong; a folder that cannot be written is found before decoding.
    """
    check_prompts([recipe.prompt or ""])
    check_writable(folder)
    with plain_warnings(), nullcontext() if repeat is None else repeat.threads():
        pipe = load(recipe)
        if repeat is not None:
            repeat.info.check_weights(pipe.hashes, repeat.source)
        recipe = recipe.resolved(pipe.guidance_scale, pipe.sampling)
        output = decode(pipe, recipe, visible=show is Show.TABLES)
        results = Results(pipe, recipe, output, folder, None if repeat is None else repeat.info.image)
        files = results.write()
    equal = repeat is not None and repeat.promises_equality(recipe)
    if repeat is not None and equal:
        repeat.check(results.chosen[0])
    if show is Show.JSON:
        print(json.dumps({**results.to_dict(steps=False), "files": files, "identical": equal or None}))
    elif show is Show.TABLES:
        tell(results, files, repeat.source if repeat is not None and equal else None)


def load(recipe: Recipe) -> ImagePipeline:
    """The recipe's model where and as the recipe wants it. Raises ConfigError for a device that is not there."""
    try:
        torch.empty(0, device=recipe.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise ConfigError(f"device={recipe.device}: not available here ({reason}); use --device cpu.") from None
    return ImagePipeline.from_pretrained(
        recipe.model,
        image_size=recipe.image_size,
        aspect_ratio=recipe.aspect_ratio,
        device=recipe.device,
        dtype=DTYPES[recipe.dtype],
        compile=recipe.compile,
    )


def decode(pipe: ImagePipeline, recipe: Recipe, *, visible: bool) -> ImageOutput:
    """Run the strategy, with a bar on stderr if ``visible``."""
    stream = pipe.stream(
        recipe.prompt or "",
        strategy=recipe.strategy,
        num_images_per_prompt=recipe.num_images_per_prompt,
        seed=recipe.seed,
        guidance_scale=recipe.guidance_scale,
        sampling=recipe.sampling,
    )
    follow(stream, visible=visible)
    return stream.output


def tell(results: Results, files: list[str], identical_to: Path | None) -> None:
    """Print a table per image, the ledger, and where everything is."""
    console = Console(highlight=False, markup=False)
    for result in results.shown:
        console.print(f"{result.prompt} (seed {result.seed})", style="bold", soft_wrap=True)
        console.print(trajectory_table(result))
        console.print()
    console.print(ledger_table(results.output.ledger, results.full_tokens))
    console.print()
    console.print(f"wrote {', '.join(Path(file).name for file in files)} to {results.folder}", soft_wrap=True)
    if identical_to is not None:
        console.print(f"identical to {identical_to}, pixel by pixel", soft_wrap=True)
