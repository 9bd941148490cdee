"""What people have beside a whole model in plain numbers: known by its names, and said with what to do about it."""

import re
from collections.abc import Iterable
from os.path import isdir, isfile  # unlike those of pathlib they say no to a path that cannot be
from pathlib import Path

from scalingar.core.errors import WeightsError
from scalingar.models.weights.json_file import read_object
from scalingar.models.weights.listed import listed_keys

_ADAPTER = re.compile(
    r"(?:^|[._])(?:lora_(?:A|B|up|down|embedding_[AB]|magnitude_vector)|hada_w\d_[ab]|lokr_w\d|base_layer)(?:[._]|$)"
)
"""Tensors of low-rank adapters, as peft, diffusers and trainers of their own name them, and those that peft wraps."""
_QUANTISED = re.compile(
    r"\.(?:qweight|qzeros|g_idx|SCB|absmax|nested_absmax|quant_map|quant_state\.\w+|weight_scale|weight_scale_inv)$"
)
"""Tensors of GPTQ, AWQ, bitsandbytes and fp8 beside the weights."""

_NOT_A_MODEL = "is an adapter (LoRA), no model; merge it into its model first (peft: merge_and_unload) and save that."
_SMALLER = "is quantised, which is not supported; use the fp32, bf16 or fp16 model."
_OTHERS = {
    ".gguf": "is a GGUF file, quantised for llama.cpp, which is not read; use the fp32, bf16 or fp16 safetensors.",
    **dict.fromkeys(
        (".h5", ".msgpack", ".onnx", ".tflite", ".engine"),
        "holds weights for another framework; use those for PyTorch, best as safetensors.",
    ),
}
"""By the ending of a file."""
_DUMPS = {
    "*.distcp": "is a distributed checkpoint (FSDP) in parts; join them with 'python -m "
    "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER model.pth' and give that file.",
    "*world_size_*_rank_*.pt": "holds a part of the model for each process (FSDP); let its trainer merge them into one "
    "state dict and give that.",
    "zero_pp_rank_*_model_states.pt": "is a DeepSpeed checkpoint in parts; join them with the zero_to_fp32.py beside "
    "it and give the file that it writes.",
    "zero_to_fp32.py": "is a DeepSpeed checkpoint; join its parts with the zero_to_fp32.py there and give the file "
    "that it writes.",
}
"""Of a folder, by a file in it."""


def check_form(path: Path) -> None:
    """Raises WeightsError for a file or folder that is no whole model in plain numbers, as far as names tell."""
    folder = isdir(path)
    if isfile(path / "adapter_config.json") or path.stem == "adapter_model":
        raise WeightsError(f"{path} {_NOT_A_MODEL}")
    if not folder and path.suffix in _OTHERS:
        raise WeightsError(f"{path} {_OTHERS[path.suffix]}")
    if folder and read_object(path / "config.json").get("quantization_config"):
        raise WeightsError(f"{path} {_SMALLER}")


def check_parts(folder: Path, *, empty: bool) -> None:
    """Raises WeightsError if a folder holds a model in parts, or, being ``empty`` of others, weights not read here."""
    for pattern, said in _DUMPS.items():
        if any(folder.glob(pattern)):
            raise WeightsError(f"{folder} {said}")
    for file in sorted(folder.iterdir()) if empty else ():
        if file.suffix in _OTHERS:
            raise WeightsError(f"{file} {_OTHERS[file.suffix]}")


def check_names(names: Iterable[str], path: Path) -> None:
    """Raises WeightsError if tensors of these names are an adapter's, or quantised."""
    for name in names:
        if _ADAPTER.search(name):
            raise WeightsError(f"{path} (tensor {listed_keys([name])}) {_NOT_A_MODEL}")
        if _QUANTISED.search(name):
            raise WeightsError(f"{path} (tensor {listed_keys([name])}) {_SMALLER}")
