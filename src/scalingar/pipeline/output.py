"""The output of a pipeline call: chosen images with their recipes, all candidates, and the costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import torch
from PIL import Image

from scalingar import __version__
from scalingar.core.files import expanded
from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.pipeline.png import Picture, RecipeInfo
from scalingar.pipeline.preview import Previewer
from scalingar.pipeline.recipe import Recipe

OutputType = Literal["pil", "np", "pt", "codes"]
OUTPUT_TYPES: tuple[OutputType, ...] = ("pil", "np", "pt", "codes")


@dataclass(repr=False)
class ImageOutput:
    """The result of a pipeline call, prompts in the order given. A notebook shows its sheets and costs."""

    images: list[Any]
    """The chosen image of each prompt and repeat: PIL images, arrays, tensors or codes, as ``output_type`` asked. PIL
    images carry their recipe into every PNG they are saved to."""
    results: list[PromptResult]
    ledger: Ledger
    infos: list[RecipeInfo]
    """How each image was made."""
    pipe: Previewer = field(repr=False)
    """Decodes candidates that were not decoded yet, for :meth:`save`."""

    @classmethod
    def of(
        cls,
        pipe: Previewer,
        recipes: Sequence[tuple[Recipe, int]],
        weights: dict[str, str],
        output_type: OutputType,
        results: list[PromptResult],
        ledger: Ledger,
    ) -> Self:
        """``recipes``: recipe of each image, and its number among that recipe's images. ``weights``: SHA-256 of all
        that decided them, the verifier's head among it."""
        infos = [
            RecipeInfo(
                recipe=recipe.model_copy(update={"strategy": recipe.strategy.alone(len(result.candidates))}),
                image=image,
                trajectory=result.chosen,
                weights=weights,
                version=__version__,
                torch=torch.__version__,
                threads=torch.get_num_threads(),
            )
            for (recipe, image), result in zip(recipes, results, strict=True)
        ]
        pairs = zip(results, infos, strict=True)
        images = [_converted(result.best, info, output_type) for result, info in pairs]
        return cls(images, results, ledger, infos, pipe)

    def __repr__(self) -> str:
        """One line; :meth:`_repr_html_` shows more."""
        count, all_of = len(self.results), [one for result in self.results for one in result.candidates]
        cut = sum(not candidate.finished for candidate in all_of)
        trajectories = "1 trajectory" if len(all_of) == 1 else f"{len(all_of)} trajectories"
        return (
            f"<ImageOutput: {count} image{'s' * (count != 1)}, {trajectories}, {cut} cut, "
            f"{self.ledger.tokens} tokens, {self.ledger.total_seconds:.1f} s>"
        )

    def _repr_html_(self) -> str:
        """What Jupyter shows: the sheet of each image with the fates, and the costs."""
        from scalingar.report.notebook import output_html  # noqa: PLC0415  sheets take matplotlib's typeface

        chosen_by = self.infos[0].recipe.strategy.chosen_by()
        return output_html(self.results, self.ledger, self.full_tokens, self.pipe.preview, chosen_by)

    @property
    def candidates(self) -> list[list[Candidate]]:
        """Every trajectory of every prompt and repeat."""
        return [result.candidates for result in self.results]

    @property
    def pictures(self) -> list[Image.Image]:
        """The chosen images as pictures with their recipes, whatever ``output_type`` asked."""
        pairs = zip(self.results, self.infos, strict=True)
        return [Picture.of(self.pipe.preview(result.best), info) for result, info in pairs]

    @property
    def full_tokens(self) -> int:
        """Tokens that completing every started trajectory would have drawn."""
        started = [candidate for result in self.results for candidate in result.candidates if candidate.parent is None]
        return len(started) * sum(height * width for height, width in self.pipe.grids)

    def only(self, number: int) -> Self:
        """One image of the call, with the costs of all."""
        return self._part(slice(number, number + 1))

    def by_prompt(self) -> list[Self]:
        """The images of each prompt, all with the costs of the call."""
        count = self.infos[0].recipe.num_images_per_prompt
        return [self._part(slice(first, first + count)) for first in range(0, len(self.results), count)]

    def _part(self, keep: slice) -> Self:
        return replace(self, images=self.images[keep], results=self.results[keep], infos=self.infos[keep])

    def save(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        animation: str | None = None,
        scale: int | None = None,
    ) -> list[Path]:
        """Leave images, contact sheets, plots and ``trace.json`` in ``folder``, as ``scalingar generate -o`` does.

        Args:
            folder: it is made if needed.
            overwrite: replace another run that is there.
            animation: ``"gif"`` or ``"webp"``: how each image came about, too.
            scale: of the enlarged copy ``image@4x.png`` of each image, 1 for none; None: 4 for images of less than
                256 pixels.

        A folder holds one run: where it holds another, this one goes to ``folder-2`` and so on, unless ``overwrite``.
        Returns the files' paths, the images first. Raises OutputError, ConfigError.
        """
        from scalingar.pipeline.run_folder import Extras, write_run  # noqa: PLC0415  plots take matplotlib

        return write_run(self, expanded(folder), overwrite=overwrite, extras=Extras(animation, scale))


def _converted(candidate: Candidate, info: RecipeInfo, output_type: OutputType) -> Any:
    if output_type == "codes":
        return candidate.codes
    if output_type == "pil":
        return None if candidate.image is None else Picture.of(candidate.image, info)
    assert candidate.pixels is not None  # kept for these output types
    pixels = (candidate.pixels.cpu() + 1) / 2
    return pixels if output_type == "pt" else pixels.permute(1, 2, 0).numpy()
