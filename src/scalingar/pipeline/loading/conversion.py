"""Published weights, in whatever container they come, as safetensors files of this project."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.files import check_writable, sha256
from scalingar.models.infinity.transformer import Infinity
from scalingar.models.llamagen.names import TOKENIZER_PARTS, TRANSFORMER_PARTS, from_llama_names, part
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.models.var.transformer import VAR
from scalingar.models.weights.checkpoint import CONTAINERS, read_weights
from scalingar.models.weights.parts import Kind, ModelFamily, Parts, kinds, read_next_scale
from scalingar.models.weights.weight_file import save_weights
from scalingar.pipeline.loading import Options, load
from scalingar.pipeline.loading.loaded import Loaded
from scalingar.pipeline.loading.locating import locate
from scalingar.pipeline.loading.model_folder import PIPELINE, TOKENIZER, TRANSFORMER, PackageInfo, save_package
from scalingar.pipeline.loading.own_models import EMBEDDED

SUFFIX = ".safetensors"
_KINDS: tuple[Kind, ...] = ("transformer", "tokenizer")


def convert(source: str | Path, destination: Path, options: Options) -> dict[Path, str]:
    """Write ``source`` with weights in ``options.dtype`` and return the files' SHA-256.

    A ``destination`` ending in .safetensors receives one transformer or one tokenizer under the official names; any
    other is a folder for ``from_pretrained``, with the tokenizer in fp32: a model folder of LlamaGen's kin, the two
    files under their official names of VAR and Infinity.

    Raises:
        WeightsError: the source cannot be read, or a folder is wanted and there is no tokenizer.
        OutputError: the destination cannot be written.
    """
    destination = destination.expanduser()
    single = destination.suffix == SUFFIX
    check_writable(destination.parent if single else destination)
    files = [_convert_file(source, destination, options)] if single else _convert_model(source, destination, options)
    return {file: sha256(file) for file in files}


def _convert_file(source: str | Path, destination: Path, options: Options) -> Path:
    place = Path(source).expanduser()
    if not place.exists():
        place = locate(source, options)[0].transformer
    found = kinds(place)
    if len(found) != 1:
        what = "both a transformer and a tokenizer; name a folder to write" if found else "no model that is known here"
        raise WeightsError(f"{place} holds {what}.")
    ((kind, family),) = found.items()
    return _write(destination, _official(place, kind, family), place.name, options.dtype)


def _write(file: Path, weights: dict[str, Tensor], source: str, dtype: torch.dtype) -> Path:
    """Tables of whole numbers stay what they are."""
    kept = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    save_weights(file, kept, {"format": "pt", "source": source})
    return file


def _official(place: Path, kind: Kind, family: ModelFamily) -> dict[str, Tensor]:
    if family != "llamagen":
        return read_next_scale(place, kind, family)
    if kind == "transformer":
        return from_llama_names(part(read_weights(place), TRANSFORMER_PARTS))
    return part(read_weights(place, containers=("ema", *CONTAINERS)), TOKENIZER_PARTS)


def _convert_model(source: str | Path, folder: Path, options: Options) -> list[Path]:
    loaded = load(source, options)
    own = source in EMBEDDED or (Path(source).expanduser() / PIPELINE).is_file()
    if own or isinstance(loaded.model, LlamaGen):
        return _write_package(source, loaded, folder, options)
    if not isinstance(loaded.model, VAR | Infinity):
        raise ConfigError(f"{source} is no published LlamaGen, VAR or Infinity; it needs no conversion.")
    # Names of files would not tell it again.
    options.refuse(source, "image_size", "aspect_ratio")
    parts, _ = locate(source, options)
    return _write_files(parts, Path(options.tokenizer or parts.tokenizer or "").expanduser(), folder, options.dtype)


def _write_files(parts: Parts, tokenizer: Path, folder: Path, dtype: torch.dtype) -> list[Path]:
    """Transformer and tokenizer under the names of their files; the sizes a transformer is for stand in its name."""
    names = (parts.transformer.stem, tokenizer.stem)
    if names[0] == names[1]:
        names = ("transformer", "tokenizer")
    written = []
    for kind, name, place in zip(_KINDS, names, (parts.transformer, tokenizer), strict=True):
        weights = read_next_scale(place, kind, parts.family)
        own = dtype if kind == "transformer" else torch.float32
        written.append(_write(folder / f"{name}{SUFFIX}", weights, place.name, own))
    return written


def _write_package(source: str | Path, loaded: Loaded, folder: Path, options: Options) -> list[Path]:
    info = PackageInfo(
        name=Path(source).stem if Path(source).exists() else str(source),
        guidance_scale=loaded.guidance_scale,
        family="var" if isinstance(loaded.model, VAR) else "llamagen",
        sampling=loaded.sampling,
        **_reading(loaded.encode_prompts),
    )
    save_package(folder, info, loaded.model, loaded.tokenizer, options.dtype, tokenizer_dtype=torch.float32)
    return [folder / TRANSFORMER, folder / TOKENIZER]


def _reading(prompts: object) -> dict[str, Any]:
    """How the prompts of the model are read, as the folder's description says it."""
    if isinstance(prompts, T5Encoder):
        return {
            "text": "caption",
            "text_encoder": str(prompts.path),
            "padding": prompts.padding,
            "zero_pads": prompts.zero_pads,
        }
    return {"text": "label" if isinstance(prompts, LabelEncoder) else "grammar"}
