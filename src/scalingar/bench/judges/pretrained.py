"""Judges that are a network of transformers and its tokenizer."""

from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from scalingar.core.files import content_hash, expanded
from scalingar.core.packages import require
from scalingar.models.hf.loading import load_network, load_text_tokenizer


class PretrainedJudge:
    """A frozen network with its tokenizer, by default from the weights ``default``."""

    kind: ClassVar[str]
    """Begins the judge's name."""
    architecture: ClassVar[str]
    """The network's class in transformers."""
    default: ClassVar[str]
    eyes: frozenset[str] = frozenset()
    """The weights, in the words of ``rewards.eyes``."""

    def __init__(self, network: Any, tokenizer: Any, name: str) -> None:
        """``network``: of the class ``architecture``. ``name``: of its weights."""
        self.network = network
        self.tokenizer = tokenizer
        self.name = f"{self.kind} {name}"

    @classmethod
    def load(cls, source: str | Path | None, *, device: str | torch.device, dtype: torch.dtype) -> Self:
        """Load the weights of a folder or a hub name. Raises WeightsError, PackageError."""
        require(f"the judge {cls.kind}", "hf")
        import transformers  # noqa: PLC0415

        source = source or cls.default
        network = load_network(getattr(transformers, cls.architecture), source, device=device, dtype=dtype)
        judge = cls(network, load_text_tokenizer(source), weights_name(source))
        judge.eyes = frozenset({f"the model {expanded(source)}"})
        return judge

    def to_network(self, pixels: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Convert to the network's dtype and move to its device."""
        return pixels.to(next(self.network.parameters()))


def weights_name(source: str | Path) -> str:
    """A hub name as it is; weights on this machine by their SHA-256, wherever they lie."""
    path = Path(source)
    return f"sha256:{content_hash(path)[:16]}" if path.exists() else str(source)
