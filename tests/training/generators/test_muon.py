import torch

from training.generators.muon import Muon, orthogonalise


def test_singular_values_come_close_to_one() -> None:
    matrices = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_singular_vectors_stay() -> None:
    matrix = torch.randn(1, 16, 12, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix[0], full_matrices=False)
    rotated = u.T @ orthogonalise(matrix)[0] @ v.T
    off_diagonal = rotated - torch.diag(rotated.diagonal())
    assert off_diagonal.abs().max() < 1e-3


def test_minimises_a_quadratic_and_resumes_exactly() -> None:
    target = torch.randn(8, 6, generator=torch.Generator().manual_seed(2))

    def run(steps: int, state: dict[str, object] | None, start: torch.Tensor) -> tuple[torch.Tensor, dict[str, object]]:
        weight = start.clone().requires_grad_()
        optimizer = Muon([weight], lr=0.05)
        if state is not None:
            optimizer.load_state_dict(state)
        for _ in range(steps):
            optimizer.zero_grad()
            (weight - target).square().sum().backward()
            optimizer.step()
        return weight.detach(), optimizer.state_dict()

    zero = torch.zeros(8, 6)
    whole, _ = run(60, None, zero)
    assert (whole - target).square().sum() < 0.3 * target.square().sum()
    half, state = run(30, None, zero)
    resumed, _ = run(30, state, half)
    assert torch.equal(resumed, whole)


def test_weights_decay_by_the_rate_times_the_decay() -> None:
    weight = torch.full((2, 2), 4.0, requires_grad=True)
    weight.grad = torch.zeros(2, 2)
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    assert torch.allclose(weight, torch.full((2, 2), 3.8))  # 4 - 4 * 0.1 * 0.5
