"""Converting published weights to safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, OutputError, WeightsError
from scalingar.core.files import check_empty, check_writable, expanded, sha256
from scalingar.core.locks import sole_writer, sole_writer_of
from scalingar.models import options
from scalingar.models.family import Family, Loaded, Part, Source
from scalingar.models.model_folder import TOKENIZER, TRANSFORMER, PackageInfo
from scalingar.models.options import Choice
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.weight_file import save_weights
from scalingar.pipeline.loading.locating import locate, parts_in

SUFFIX = ".safetensors"


def convert(choice: Choice, destination: Path) -> dict[Path, str]:
    """Write the chosen model with weights in ``choice.dtype`` and return the files' SHA-256.

    A ``destination`` ending in .safetensors receives one transformer or one tokenizer under the official names; any
    other is a folder for ``from_pretrained``, with the tokenizer in fp32: a model folder with a description where the
    family has such a format, else its two files under their official names.

    Raises:
        WeightsError: the source cannot be read, or a folder is wanted and there is no tokenizer.
        ConfigError: models of this family are not converted, or an option cannot be kept in the files.
        OutputError: the destination cannot be written or is there already, or another process writes there.
    """
    destination = expanded(destination)
    single = destination.suffix == SUFFIX
    check_writable(destination.parent if single else destination)
    with sole_writer_of(destination) if single else sole_writer(destination):
        _check_free(destination, single=single)
        files = [_convert_file(choice, destination)] if single else _convert_model(choice, destination)
        return {file: sha256(file) for file in files}


def _check_free(destination: Path, *, single: bool) -> None:
    """Raises OutputError for a file that is there, and a folder that holds anything."""
    if single and destination.exists():
        raise OutputError(f"{destination} is there already; give another name, or remove it first.")
    if not single:
        check_empty(destination, "model")


def _convert_file(choice: Choice, destination: Path) -> Path:
    path = expanded(choice.name)
    if not path.exists():
        path = locate(choice)[1].transformer
    parts = parts_in(path)
    if len(parts) != 1:
        content = (
            "both a transformer and a tokenizer; name a folder to write" if parts else "no model of a known family"
        )
        raise WeightsError(f"{path} holds {content}.")
    ((part, family),) = parts.items()
    return _write(destination, _official(family, path, part), path.name, choice.dtype)


def _convert_model(choice: Choice, folder: Path) -> list[Path]:
    family, source = locate(choice)
    if family.no_conversion:
        raise ConfigError(f"{source.name} is not converted: {family.no_conversion}.")
    if family.folder is None:
        return _write_files(family, source, folder, choice)
    loaded = family.load(source, choice)
    info = PackageInfo(
        name=Path(source.name).stem if Path(source.name).exists() else str(source.name),
        family=family.name,
        guidance_scale=loaded.guidance_scale,
        sampling=loaded.sampling,
        reward=loaded.reward,
        **_reading(loaded),
    )
    family.save(folder, info, loaded.model, loaded.tokenizer, choice.dtype, tokenizer_dtype=torch.float32)
    return [folder / TRANSFORMER, folder / TOKENIZER]


def _write_files(family: Family, source: Source, folder: Path, choice: Choice) -> list[Path]:
    """Transformer and tokenizer as two files; the file name keeps the transformer's image size."""
    # Other options could not be read back from the files.
    choice.check((options.VARIANT, options.TOKENIZER), f"the conversion of {source.name}")
    family.load(source, choice)  # raises where the parts do not belong together
    paths: dict[Part, Path] = dict(zip(("transformer", "tokenizer"), source.pair, strict=True))
    alike = len({path.stem for path in paths.values()}) == 1
    return [
        _write(
            folder / f"{part if alike else path.stem}{SUFFIX}",
            _official(family, path, part),
            path.name,
            choice.dtype if part == "transformer" else torch.float32,
        )
        for part, path in paths.items()
    ]


def _official(family: Family, path: Path, part: Part) -> Mapping[str, Tensor]:
    if family.official is None:
        raise ConfigError(f"{path} is not converted: {family.title} keeps no official names.")
    return family.official(Contents(path), part)


def _write(file: Path, weights: Mapping[str, Tensor], source: str, dtype: torch.dtype) -> Path:
    """Integer tensors keep their type."""
    converted = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    save_weights(file, converted, {"format": "pt", "source": source})
    return file


def _reading(loaded: Loaded) -> dict[str, Any]:
    """The prompt settings of the folder's description."""
    prompts = loaded.encode_prompts
    if isinstance(prompts, T5Encoder):
        return {
            "text": "caption",
            "text_encoder": str(prompts.path),
            "padding": prompts.padding,
            "zero_pads": prompts.zero_pads,
        }
    return {"text": "label" if isinstance(prompts, LabelEncoder) else "grammar"}
