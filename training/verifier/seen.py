"""What is seen at codes, computed once."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from training.writing import replaced


def remembered(folder: Path, codes: Int[Tensor, "n t"], see: Callable[[Tensor], Tensor]) -> Tensor:
    """``see(codes)``, kept in ``folder`` under a name that depends on the codes alone."""
    path = folder / f"{hashlib.sha256(codes.contiguous().numpy().tobytes()).hexdigest()[:16]}.npy"
    if not path.exists():
        with torch.inference_mode():
            seen = see(codes).numpy()
        with replaced(path) as file:
            np.save(file, seen)
    return torch.from_numpy(np.load(path))
