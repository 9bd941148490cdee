import torch
import torch.nn.functional as F

from scalingar.models.llamagen.vq import Codebook, VQConfig
from training.generators.codebook import EmaCodebook, MovingCodes

CONFIG = VQConfig(codebook_size=4, codebook_dim=3, channels=8)


def latents(seed: int, centres: torch.Tensor, per_centre: int = 64) -> torch.Tensor:
    noise = 0.05 * torch.randn(len(centres) * per_centre, 3, generator=torch.Generator().manual_seed(seed))
    return F.normalize(centres.repeat_interleave(per_centre, 0) + noise, dim=-1)


CENTRES = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, 0, -1]])


def test_k_means_finds_the_clusters() -> None:
    codebook = EmaCodebook(Codebook(CONFIG), seed=0)
    codebook.initialise(latents(0, CENTRES))
    similarity = codebook.quantize.codes @ CENTRES.T
    assert (similarity.max(0).values > 0.98).all()


def test_moves_towards_what_it_serves_and_revives_the_dead() -> None:
    codebook = EmaCodebook(Codebook(CONFIG), seed=0)
    codebook.initialise(latents(0, CENTRES))
    moved = F.normalize(CENTRES[:1] + torch.tensor([[0.0, 0.3, 0.3]]), dim=-1)
    z = latents(1, moved).T[None, :, :, None]
    for _ in range(800):
        codebook.update(z)
    similarity = (codebook.quantize.codes @ moved.T)[:, 0]
    assert similarity.max() > 0.99
    assert codebook.used == 4, "unused codes take over latents"
    assert (similarity > 0.9).sum() >= 3


def test_a_dead_code_becomes_the_latent_it_is_moved_to() -> None:
    codes = MovingCodes(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), seed=0)
    codes.count = torch.tensor([0.02, 1.0])  # the first one is dead
    codes.move(torch.tensor([[3.0, 4.0]]), torch.tensor([1]), torch.tensor([2.0]))
    # the other: (0.99 * (0, 1) + 0.01 * (3, 4)) / (0.99 + 0.01)
    assert torch.allclose(codes.weight, torch.tensor([[3.0, 4.0], [0.03, 1.03]]))


def test_returns_the_assigned_codes() -> None:
    codebook = EmaCodebook(Codebook(CONFIG), seed=0)
    codebook.initialise(latents(0, CENTRES))
    z = codebook.quantize.codes[[2, 0]].T[None, :, :, None].clone()
    assert torch.allclose(codebook.update(z), z, atol=1e-5)
