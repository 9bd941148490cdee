"""Loading transformers' classes strictly: the right kind of model, complete, and made of numbers."""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from scalingar.core.errors import WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.weights.checkpoint import listed_keys

REFUSALS = (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError)
"""What transformers raises on a folder it cannot use; on damaged files it is about anything."""


def load_network(kind: type, path: str | Path, *, device: str | torch.device, dtype: torch.dtype) -> Any:
    """A model of transformers' class ``kind`` from a folder or a hub id, frozen; its image tokenizer stays in fp32.

    Raises:
        WeightsError: nothing there, another kind of model, a file is missing or damaged, or a weight is no number.
    """
    model_type = kind.config_class.model_type  # type: ignore[attr-defined]
    check_type(path, model_type)
    # A subclass, because the class attribute would otherwise change for everybody; of the same module, because
    # transformers renames the tensors of older files only for classes of its own.
    exact = type(kind.__name__, (kind,), {"_keep_in_fp32_modules_strict": ["vqmodel"], "__module__": kind.__module__})
    try:
        network, info = exact.from_pretrained(str(path), dtype=dtype, output_loading_info=True)  # type: ignore[attr-defined]
    except REFUSALS as error:
        raise WeightsError(f"{path} cannot be loaded as {model_type}: {first_sentence(error)}") from None
    if missing := sorted(map(str, info["missing_keys"])):
        raise WeightsError(f"{path} lacks {listed_keys(missing)}; it is no complete {model_type} model: copy it again.")
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise WeightsError(f"{path}: {name} holds values that are not numbers; copy or convert the model again.")
    return network.to(device).eval().requires_grad_(False)


def check_type(path: str | Path, model_type: str) -> None:
    """Raises WeightsError unless ``config.json`` says that this is a model of ``model_type``."""
    from transformers import PreTrainedConfig  # noqa: PLC0415

    try:
        found = PreTrainedConfig.get_config_dict(str(path))[0].get("model_type")
    except REFUSALS as error:
        raise WeightsError(f"{path} holds no readable config.json: {first_sentence(error)}") from None
    if found is None:
        raise WeightsError(f"{path} holds no config.json that names a model type; it is no folder of transformers'.")
    if found != model_type:
        raise WeightsError(f"{path} is {found}, not {model_type}; choose another model.")


def load_text_tokenizer(path: str | Path) -> Any:
    """The tokenizer of the prompts, padding on the left. Raises WeightsError."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    try:
        return AutoTokenizer.from_pretrained(str(path), padding_side="left")
    except REFUSALS as error:
        raise WeightsError(f"{path} holds no tokenizer for its prompts: {first_sentence(error)}") from None


def load_pixel_scale(path: str | Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel of the images a model was trained on; one half each where nothing is said."""
    from transformers.image_processing_base import ImageProcessingMixin  # noqa: PLC0415

    try:
        said = ImageProcessingMixin.get_image_processor_dict(str(path))[0]
    except REFUSALS:
        said = {}
    mean, std = (said.get(name) or (0.5, 0.5, 0.5) for name in ("image_mean", "image_std"))
    return tuple(mean), tuple(std)


def generation_defaults(network: Any, guidance_scale: float) -> Defaults:
    """What the checkpoint's generation config says, else ``guidance_scale`` and nothing filtered."""
    config = network.generation_config
    return Defaults(
        guidance_scale=float(config.guidance_scale or guidance_scale),
        sampling=SamplingConfig(**generation_sampling(config)),
    )


def generation_sampling(config: Any) -> dict[str, Any]:
    """Temperature, top-k and top-p of a generation config, where it sets them."""
    settings = {name: getattr(config, name, None) for name in ("temperature", "top_k", "top_p")}
    return {name: value for name, value in settings.items() if value is not None}


def first_sentence(error: Exception) -> str:
    """What a library's message says before it goes on to advise."""
    said = " ".join(str(error).split()) or type(error).__name__
    return re.split(r"(?<=[.!?:])\s", said, maxsplit=1)[0].rstrip(".:") + "."
