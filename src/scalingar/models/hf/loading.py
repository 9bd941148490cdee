"""Strict loading of transformers' classes: the right model type, no missing tensors, finite values."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from scalingar.core.errors import ConfigError, PackageError, ScalingarError, WeightsError
from scalingar.core.files import expanded
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.hf.folder_claims import check_folder
from scalingar.models.weights.containers import WRAPPERS
from scalingar.models.weights.fitting import check_finite
from scalingar.models.weights.hub import located
from scalingar.models.weights.listed import listed_keys
from scalingar.models.weights.weight_files import weight_files


@contextmanager
def refused(what: str) -> Iterator[None]:
    """Whatever transformers raises on a folder that it cannot load, as a WeightsError that begins with ``what``.

    Full memory is no fault of the folder, and neither is a further package that it needs: that is a PackageError.
    """
    try:
        yield
    except (ScalingarError, MemoryError, torch.OutOfMemoryError):
        raise
    except ImportError as error:
        raise PackageError(f"{what}: {first_sentence(error)}") from None
    except Exception as error:
        raise WeightsError(f"{what}: {first_sentence(error)}") from None


def load_network(kind: type, path: str | Path, *, device: str | torch.device, dtype: torch.dtype) -> Any:
    """A model of transformers' class ``kind`` from a folder or a hub id, frozen; its image tokenizer stays in fp32.

    Raises:
        WeightsError: no model or another model type, a file is missing or damaged, or a weight is not finite.
    """
    model_type = kind.config_class.model_type  # type: ignore[attr-defined]
    check_type(path, model_type)
    check_folder(expanded(path), model_type)
    _check_size(expanded(path), kind, model_type)
    # A subclass, so that the class attribute changes for this load only; in the same module, because transformers
    # renames the tensors of older files only for its own classes.
    exact = type(kind.__name__, (kind,), {"_keep_in_fp32_modules_strict": ["vqmodel"], "__module__": kind.__module__})
    with refused(f"{path} cannot be loaded as {model_type}"):
        name, revision = located(path)
        network, info = exact.from_pretrained(  # type: ignore[attr-defined]
            name,
            dtype=dtype,
            key_mapping=dict.fromkeys(WRAPPERS, ""),
            output_loading_info=True,
            trust_remote_code=False,
            **revision,
        )
    others = sorted(map(str, info["unexpected_keys"]))
    if missing := sorted(map(str, info["missing_keys"])):
        has = f" and has unknown {listed_keys(others)}" if others else ""
        raise WeightsError(
            f"{path} lacks {listed_keys(missing)}{has}; it is no complete {model_type} model: copy it again, or save "
            "it with transformers' save_pretrained."
        )
    if unread := [name for name in others if _belongs_inside(name, network)]:
        raise WeightsError(
            f"{path} has {listed_keys(unread)}, for which the {model_type} of its config.json has no place; copy "
            "config.json and the weights again, from the same model."
        )
    check_finite(network.state_dict(), path)
    return network.to(device).eval().requires_grad_(False)


def _belongs_inside(name: str, network: nn.Module) -> bool:
    """Whether a tensor that was not read is a weight of a module that is there, or of a further one in a list of them.

    Others are parts that the network does without, such as the decoder of T5, or tables that it computes.
    """
    inside, path = network, name.split(".")
    while len(path) > 1 and path[0] in (children := dict(inside.named_children())):
        inside, path = children[path[0]], path[1:]
    in_list = isinstance(inside, nn.ModuleList) and path[0].isdecimal()
    return inside is not network and (in_list or path in (["weight"], ["bias"]))


def _check_size(folder: Path, kind: type, model_type: str) -> None:
    """Nothing if ``folder`` is none on this machine; it holds at least a byte for each weight its config describes.

    Settings that a config leaves out are those of the published model, so that a few lines may describe billions.
    Raises WeightsError.
    """
    if not folder.is_dir():
        return
    with refused(f"{folder} cannot be loaded as {model_type}"), torch.device("meta"):
        network: Any = kind(kind.config_class.from_pretrained(folder))  # type: ignore[attr-defined]
    described = sum(weight.numel() for weight in network.parameters())
    held = sum(file.stat().st_size for file in weight_files(folder))
    if described > held:
        raise WeightsError(
            f"{folder}: config.json describes a {model_type} of {described / 1e9:.3g} billion weights, and the files "
            f"there have {held} bytes; copy it again."
        )


def check_type(path: str | Path, model_type: str) -> None:
    """Raises WeightsError unless the model type in ``config.json`` is ``model_type``."""
    from transformers import PreTrainedConfig  # noqa: PLC0415

    with refused(f"{path} holds no readable config.json"):
        name, revision = located(path)
        found_type = PreTrainedConfig.get_config_dict(name, trust_remote_code=False, **revision)[0].get("model_type")
    if found_type is None:
        raise WeightsError(f"{path} holds no config.json that names a model type; transformers did not write it.")
    if found_type != model_type:
        raise WeightsError(f"{path} is {found_type}, not {model_type}; choose another model.")


def load_text_tokenizer(path: str | Path) -> Any:
    """The tokenizer of the prompts, padding on the left. Raises WeightsError."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    with refused(f"{path} holds no tokenizer for its prompts"):
        name, revision = located(path)
        return AutoTokenizer.from_pretrained(name, padding_side="left", trust_remote_code=False, **revision)


def load_pixel_scale(path: str | Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel of the training images; 0.5 each if not stated."""
    from transformers.image_processing_base import ImageProcessingMixin  # noqa: PLC0415

    try:
        with refused(str(path)):
            name, revision = located(path)
            settings = ImageProcessingMixin.get_image_processor_dict(name, **revision)[0]
    except WeightsError:
        settings = {}  # it has none
    mean, std = (settings.get(name) or (0.5, 0.5, 0.5) for name in ("image_mean", "image_std"))
    for setting, values in (("image_mean", mean), ("image_std", std)):
        if not (isinstance(values, list | tuple) and len(values) == 3 and all(map(_is_number, values))):
            raise WeightsError(f"{path}: {setting} is {str(values)[:40]}; three numbers are needed.")
    return tuple(mean), tuple(std)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def generation_defaults(network: Any, guidance_scale: float) -> Defaults:
    """From the checkpoint's generation config; ``guidance_scale`` and no filtering where it sets none."""
    config = network.generation_config
    scale = config.guidance_scale or guidance_scale
    if not _is_number(scale):
        raise WeightsError(f"the model's generation_config.json says guidance_scale {scale!r}, which is no number.")
    try:
        sampling = SamplingConfig(**generation_sampling(config))
    except (ConfigError, ValueError) as error:
        raise WeightsError(
            f"the model's generation_config.json sets impossible values: {first_sentence(error)}"
        ) from None
    return Defaults(guidance_scale=float(scale), sampling=sampling)


def generation_sampling(config: Any) -> dict[str, Any]:
    """Temperature, top-k and top-p of a generation config, where it sets them."""
    settings = {name: getattr(config, name, None) for name in ("temperature", "top_k", "top_p")}
    return {name: value for name, value in settings.items() if value is not None}


def first_sentence(error: Exception) -> str:
    """The first sentence of a library's message."""
    message = " ".join(str(error).split()) or type(error).__name__
    return re.split(r"(?<=[.!?:])\s", message, maxsplit=1)[0].rstrip(".:") + "."
