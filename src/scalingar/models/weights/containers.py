"""Finding a model's tensors in what training scripts save, under the names that the model itself gives them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.models.weights.listed import listed_keys

CONTAINERS = ("model", "module", "state_dict")
"""Keys under which training scripts store weights, in the order in which they are tried."""

_MOST = 100
"""Containers inside containers that are looked into."""
_WRAPPERS = re.compile(
    r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_fpw_module|_checkpoint_wrapped_module|_forward_module)\."
)
"""Of torch.compile, FSDP (now and before), activation checkpointing and Fabric: no module of a model is called so."""
_IN_FRONT = re.compile(r"^(?:module\.|base_model\.model\.)+")
"""Of DDP, and of peft around a model whose adapter was merged: usual names, which are wrappers only in front."""
WRAPPERS = (_WRAPPERS.pattern, _IN_FRONT.pattern)
"""Patterns of all of them, in the order in which they are removed."""


def tensors_in(content: Any, file: object, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
    """The tensors of a state dict in ``content``: the dictionary itself, or one under the names ``containers``.

    Of a dictionary with both, what has more tensors is taken: counters and states of random generators stand beside a
    container, a module called "model" inside a state dict. Counters among the weights, such as those of averaged
    weights, are left out.

    Raises:
        WeightsError: there are no tensors; ``file`` is named.
    """
    if not isinstance(content, Mapping):
        raise WeightsError(f"{file} holds a {type(content).__name__}, not a dictionary of tensors.")
    largest = max(_candidates(content, containers, set()), key=_size)
    if not largest:
        keys = listed_keys(map(str, content)) or "nothing"
        raise WeightsError(
            f"{file} holds no weights, only {keys}; tensors must be at the top level or under {', '.join(containers)}."
        )
    return largest


def without_wrappers(name: str) -> str:
    """A tensor's name without the prefixes of DDP, FSDP, torch.compile, peft and the like, in any order and depth.

    >>> without_wrappers("module._orig_mod.layers.0._fsdp_wrapped_module.norm.weight")
    'layers.0.norm.weight'
    """
    return _IN_FRONT.sub("", _WRAPPERS.sub("", name))


def _candidates(content: Mapping[Any, Any], containers: tuple[str, ...], seen: set[int]) -> Iterator[dict[str, Tensor]]:
    """The tensors of the dictionary, and those of its first container that has any. A dictionary may hold itself."""
    seen.add(id(content))
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    yield {name: tensor for name, tensor in tensors.items() if not _counts(name, tensor)}
    for inner in (content.get(name) for name in containers):
        if isinstance(inner, Mapping) and id(inner) not in seen and len(seen) < _MOST:
            found = max(_candidates(inner, containers, seen), key=_size)
            if found:
                yield found
                return


def _counts(name: str, tensor: Tensor) -> bool:
    """A single whole number of no module, such as ``n_averaged`` or ``step``."""
    return tensor.ndim == 0 and not tensor.is_floating_point() and "." not in name


def _size(tensors: Mapping[str, Tensor]) -> tuple[int, int]:
    return len(tensors), sum(tensor.numel() for tensor in tensors.values())
