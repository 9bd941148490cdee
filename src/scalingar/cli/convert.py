"""``scalingar convert``: published weights to safetensors."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A weight file, a folder, or a name on the hub.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="A .safetensors file, or a model folder.")],
    dtype: Annotated[str, typer.Option(help="Of the weights: fp32, bf16 or fp16.")] = "fp32",
    tokenizer: Annotated[Path | None, typer.Option(help="The image tokenizer's file.")] = None,
    variant: Annotated[str | None, typer.Option(help="Which model of a repository.")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="Folder or hub name of the T5 encoder.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Pixels, where names do not say it.")] = None,
    heads: Annotated[int | None, typer.Option(help="Of a transformer of unpublished width.")] = None,
) -> None:
    """Bring published weights to safetensors, and print the files' SHA-256.

    With a tokenizer DST becomes a model folder, which [b]scalingar generate --model DST[/] reads.
    """
    from scalingar.models.options import Choice  # noqa: PLC0415
    from scalingar.pipeline.loading.conversion import convert as run  # noqa: PLC0415
    from scalingar.pipeline.pipeline import DTYPES  # noqa: PLC0415

    if dtype not in DTYPES:
        from scalingar.core.registry import suggestion  # noqa: PLC0415

        raise typer.BadParameter(f"there is no dtype {dtype!r}{suggestion(dtype, list(DTYPES))}")
    options = {
        "variant": variant,
        "tokenizer": tokenizer,
        "text_encoder": text_encoder,
        "image_size": image_size,
        "heads": heads,
    }
    for path, digest in run(Choice(name=source, dtype=DTYPES[dtype], options=options), destination).items():
        print(f"{digest}  {path}")
