"""Initial weights of the multi-scale tokenizer, taken from the trained next-token tokenizer where they fit."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.var.multiscale_vq import MultiScaleVQ


@torch.no_grad()
def initialise_identity(model: MultiScaleVQ) -> None:
    """Make the quantiser's convolutions identities, so that training begins with a plain sum of scales."""
    phis = (conv for conv in model.quantize.quant_resi.qresi_ls if isinstance(conv, nn.Conv2d))
    for conv in (model.quant_conv, model.post_quant_conv, *phis):
        nn.init.dirac_(conv.weight)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)


@torch.no_grad()
def warm_start(model: MultiScaleVQ, path: Path) -> tuple[int, int]:
    """Copy the weights that fit from the next-token tokenizer at ``path``; returns how many of how many tensors.

    Its convolutions before and after the codes are folded into the last one of the encoder and the first one of the
    decoder, which ignores further channels at first.
    """
    saved = torch.load(path, weights_only=True)
    source = VQTokenizer(VQConfig(**saved["config"]))
    source.load_state_dict(saved["model"])
    own = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(("encoder.", "decoder."))}
    levels = len(source.config.channel_mult)
    weights = {renamed(name, levels): tensor for name, tensor in source.state_dict().items()}
    weights |= folded(source, model.config.z_channels)
    fitting = {name: weights[name] for name in own if name in weights and weights[name].shape == own[name].shape}
    model.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)


def renamed(name: str, levels: int) -> str:
    """The name of a tensor of :mod:`scalingar.models.llamagen.vq` in the multi-scale tokenizer."""
    name = name.replace("mid.0.", "mid.block_1.").replace("mid.2.", "mid.block_2.")
    name = re.sub(r"conv_blocks\.(\d+)\.res\.", r"conv_blocks.\1.block.", name)
    name = name.replace("encoder.conv_blocks.", "encoder.down.")
    return re.sub(r"decoder\.conv_blocks\.(\d+)", lambda found: f"decoder.up.{levels - 1 - int(found[1])}", name)


def folded(source: VQTokenizer, width: int) -> dict[str, Tensor]:
    """The encoder's last and decoder's first convolution for latents of ``width`` channels; empty if too few."""
    out, before = source.encoder.conv_out, source.quant_conv
    first, after = source.decoder.conv_in, source.post_quant_conv
    codes = source.config.codebook_dim
    if width < codes:
        return {}
    assert out.bias is not None
    assert before.bias is not None
    assert first.bias is not None
    assert after.bias is not None
    weight = nn.Conv2d(out.in_channels, width, 3).weight.data
    weight[:codes] = torch.einsum("oz,zikl->oikl", before.weight[..., 0, 0], out.weight)
    bias = torch.zeros(width)
    bias[:codes] = before.weight[..., 0, 0] @ out.bias + before.bias
    decoder_weight = torch.zeros(first.out_channels, width, 3, 3)
    decoder_weight[:, :codes] = torch.einsum("ozkl,zi->oikl", first.weight, after.weight[..., 0, 0])
    return {
        "encoder.conv_out.weight": weight,
        "encoder.conv_out.bias": bias,
        "decoder.conv_in.weight": decoder_weight,
        "decoder.conv_in.bias": first.bias + first.weight.sum((2, 3)) @ after.bias,
    }
