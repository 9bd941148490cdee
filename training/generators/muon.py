"""Muon (Jordan et al. 2024): momentum whose matrix is replaced by the nearest orthogonal matrix.

torch.optim.Muon runs the iteration in bfloat16, which a CPU without that arithmetic emulates many times slower; here it
runs in fp32, all matrices of one shape in one batched product.
"""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic Newton-Schulz polynomial of the reference."""
ITERATIONS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Nearly orthogonal matrices with the singular vectors of the given ones, ``(k, rows, columns)``."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = a * x + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """For weights with two or more axes, flattened after the first; ``lr`` is on AdamW's scale."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update with Nesterov momentum and a root mean square of 0.2, which is typical of AdamW."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape[0], parameter[0].numel()].append(parameter)
            for shape, parameters in by_shape.items():
                stacked = torch.stack([self._momentum(p, group["momentum"]).reshape(shape) for p in parameters])
                scale = 0.2 * max(shape) ** 0.5 * group["lr"]
                for parameter, update in zip(parameters, orthogonalise(stacked), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update.reshape(parameter.shape), alpha=-scale)

    def _momentum(self, parameter: Tensor, rate: float) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        assert parameter.grad is not None
        state["momentum"].lerp_(parameter.grad, 1 - rate)
        return parameter.grad.lerp(state["momentum"], rate)


def muon_and_adamw(model: torch.nn.Module, blocks: Iterable[Tensor], lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices among the parameters of the blocks, AdamW for embeddings, heads, norms and others."""
    matrices = [p for p in blocks if p.ndim == 2]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [
        Muon(matrices, lr=lr, weight_decay=0.05),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]
