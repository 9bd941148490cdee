"""Reading third-party weight files, or folders of them, without running code."""

from pathlib import Path

from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.files import expanded
from scalingar.models.weights.containers import CONTAINERS, tensors_in, without_wrappers
from scalingar.models.weights.formats import read_file
from scalingar.models.weights.weight_files import weight_files


class Contents:
    """The content of a weight file, or of a folder with one weight file or with shards and an ``index.json``.

    Raises:
        WeightsError: it is missing, truncated, in another format, or a pickle of more than tensors.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = expanded(path)
        self._files = {file: read_file(file) for file in weight_files(self.path)}

    def weights(self, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
        """The tensors by name, at the top level or under one of ``containers``.

        Prefixes of wrappers are removed, see :func:`without_wrappers`. Raises WeightsError if there are no tensors.
        """
        tensors: dict[str, Tensor] = {}
        for file, content in self._files.items():
            tensors |= tensors_in(content, file, containers)
        weights = {without_wrappers(name): tensor for name, tensor in tensors.items()}
        if len(weights) < len(tensors):
            raise WeightsError(
                f"{self.path} holds some tensors twice, with and without the prefix of a wrapper such as "
                "'module.'; save one state dict only."
            )
        return weights

    def weights_or_empty(self, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
        """As :meth:`weights`, but empty if there are no tensors."""
        try:
            return self.weights(containers)
        except WeightsError:
            return {}


def read_weights(path: str | Path, *, containers: tuple[str, ...] = CONTAINERS) -> dict[str, Tensor]:
    """The tensors of a file or folder, on the CPU; see :class:`Contents`. Raises WeightsError."""
    return Contents(path).weights(containers)
