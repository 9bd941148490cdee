"""Judges that are a network of transformers, loaded when it is first needed."""

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from scalingar.core.files import content_hash, expanded
from scalingar.core.packages import require
from scalingar.models.hf.loading import load_network, load_text_tokenizer


class PretrainedNetwork:
    """A frozen network. To make one reads nothing, so that runs can be read where its weights are not."""

    kind: ClassVar[str]
    """What messages call it."""
    architecture: ClassVar[str]
    """The network's class in transformers."""
    default: ClassVar[str]
    """Its weights unless others are named."""
    extra: ClassVar[str] = "hf"
    """The package's extra with what it needs."""

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """``source``: a folder or a hub name; None: ``default``."""
        self.source = source or self.default
        self.device, self.dtype = device, dtype
        self.eyes = frozenset({f"the model {expanded(self.source)}"})
        """The weights, in the words of ``rewards.eyes``."""

    @cached_property
    def version(self) -> str:
        """The weights: see :func:`weights_name`."""
        return weights_name(self.source)

    @property
    def name(self) -> str:
        """Kind and weights."""
        return f"{self.kind} {self.version}"

    @cached_property
    def network(self) -> Any:
        """The network. Raises WeightsError, PackageError."""
        require(f"the judge {self.kind}", self.extra)
        import transformers  # noqa: PLC0415

        kind = getattr(transformers, self.architecture)
        network = load_network(kind, self.source, device=self.device, dtype=self.dtype)
        self.check(network)
        return network

    def check(self, network: Any) -> None:
        """Raises WeightsError for weights that load and are none of this judge's."""

    def to_network(self, pixels: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Convert to the network's dtype and move to its device."""
        return pixels.to(next(self.network.parameters()))


class PretrainedJudge(PretrainedNetwork):
    """A network that reads texts."""

    @cached_property
    def tokenizer(self) -> Any:
        """Of the texts. Raises WeightsError."""
        return load_text_tokenizer(self.source)


def weights_name(source: str | Path) -> str:
    """A hub name as it is; weights on this machine by their SHA-256, wherever they lie."""
    path = Path(source)
    return f"sha256:{content_hash(path)[:16]}" if path.exists() else str(source)
