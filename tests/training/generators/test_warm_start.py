from pathlib import Path

import torch

from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.var.multiscale_vq import MultiScaleVQ, MultiScaleVQConfig
from training.generators.warm_start import initialise_identity, warm_start

SHARED = {
    "channels": 8,
    "channel_mult": (1, 2),
    "res_blocks": 1,
    "norm": "channel",
    "attention": False,
    "patch_size": 2,
    "codebook_size": 12,
}
IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def saved_tokenizer(folder: Path) -> tuple[Path, VQTokenizer]:
    torch.manual_seed(3)
    config = VQConfig(**SHARED, codebook_dim=3, z_channels=10)
    source = VQTokenizer(config).eval()
    path = folder / "tokenizer.weights.pt"
    torch.save({"config": config.model_dump(), "model": source.state_dict()}, path)
    return path, source


@torch.inference_mode()
def test_a_warm_start_reconstructs_as_the_source_does(tmp_path: Path) -> None:
    path, source = saved_tokenizer(tmp_path)
    model = MultiScaleVQ(MultiScaleVQConfig(**SHARED, z_channels=5, sides=(1, 2, 4), quant_kernel=1)).eval()
    initialise_identity(model)
    taken, everything = warm_start(model, path)
    assert taken == everything
    z = source.latent(IMAGES)
    assert torch.allclose(model.latent(IMAGES)[:, :3], z, atol=1e-5)
    ours, theirs = model.decode(model.latent(IMAGES)), source.decode_latent(z)
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))  # folding a bias is exact away from the border
    assert (ours - theirs)[inner].abs().max() < (theirs - theirs.mean()).abs().max() * 0.5
    source.post_quant_conv.bias.zero_()  # type: ignore[union-attr]
    torch.save({"config": source.config.model_dump(), "model": source.state_dict()}, path)
    warm_start(model, path)
    assert torch.allclose(model.decode(model.latent(IMAGES)), source.decode_latent(z), atol=1e-4)


@torch.inference_mode()
def test_what_does_not_fit_stays(tmp_path: Path) -> None:
    path, _ = saved_tokenizer(tmp_path)
    sizes = {**SHARED, "channel_mult": (1, 3)}
    model = MultiScaleVQ(MultiScaleVQConfig(**sizes, z_channels=2, sides=(1, 2, 4), quant_kernel=1)).eval()
    initialise_identity(model)
    before = model.encoder.conv_out.weight.clone()
    taken, everything = warm_start(model, path)
    assert 0 < taken < everything
    assert torch.equal(model.encoder.conv_out.weight, before), "two channels do not hold three"
