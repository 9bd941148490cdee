"""Published weights, in whatever container they come, as safetensors files of this project."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from scalingar.errors import ConfigError, OutputError, WeightsError
from scalingar.files import check_writable, sha256
from scalingar.loading import load
from scalingar.locating import Options, locate
from scalingar.models.checkpoint import CONTAINERS, read_weights
from scalingar.models.llamagen import LlamaGen
from scalingar.models.llamagen_names import TOKENIZER_PARTS, TRANSFORMER_PARTS, from_llama_names, part
from scalingar.models.parts import kinds
from scalingar.models.vq import VQTokenizer
from scalingar.package import TOKENIZER, TRANSFORMER, PackageInfo, save_package
from scalingar.prompts import LabelEncoder
from scalingar.text.t5 import T5Encoder

SUFFIX = ".safetensors"


def convert(source: str | Path, destination: Path, options: Options) -> dict[Path, str]:
    """Write ``source`` with weights in ``options.dtype`` and return the files' SHA-256.

    A ``destination`` ending in .safetensors receives one transformer or one tokenizer under the official names; any
    other is a model folder for ``from_pretrained``, with the tokenizer in fp32.

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
        what = "both a transformer and a tokenizer; name a folder to write" if found else "no LlamaGen model"
        raise WeightsError(f"{place} holds {what}.")
    weights = _official(place, found[0])
    save = {name: tensor.to(options.dtype).contiguous() for name, tensor in weights.items()}
    partial = destination.with_suffix(".partial")
    try:
        save_file(save, partial, {"format": "pt", "source": place.name})
        partial.chmod(0o644)  # safetensors makes files only their owner can read
        partial.replace(destination)
    except OSError as error:
        raise OutputError(f"cannot write {destination}: {error.strerror}; choose another place.") from None
    return destination


def _official(place: Path, kind: str) -> dict[str, Tensor]:
    if kind == "transformer":
        return from_llama_names(part(read_weights(place), TRANSFORMER_PARTS))
    return part(read_weights(place, containers=("ema", *CONTAINERS)), TOKENIZER_PARTS)


def _convert_model(source: str | Path, folder: Path, options: Options) -> list[Path]:
    loaded = load(source, options)
    model, tokenizer = loaded.model, loaded.tokenizer
    if not isinstance(model, LlamaGen) or not isinstance(tokenizer, VQTokenizer):
        raise ConfigError(f"{source} is no LlamaGen model; it needs no conversion.")
    info = PackageInfo(
        name=Path(source).stem if Path(source).exists() else str(source),
        guidance_scale=loaded.guidance_scale,
        sampling=loaded.sampling,
        **_reading(loaded.encode_prompts),
    )
    save_package(folder, info, model, tokenizer, options.dtype, tokenizer_dtype=torch.float32)
    return [folder / TRANSFORMER, folder / TOKENIZER]


def _reading(prompts: object) -> dict[str, str | bool]:
    """How the prompts of the model are read, as the folder's description says it."""
    if isinstance(prompts, T5Encoder):
        return {
            "text": "caption",
            "text_encoder": str(prompts.path),
            "padding": prompts.padding,
            "zero_pads": prompts.zero_pads,
        }
    return {"text": "label" if isinstance(prompts, LabelEncoder) else "grammar"}
