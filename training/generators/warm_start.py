"""First weights of the multi-scale tokenizer, from the trained next-token tokenizer where they fit."""

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from scalingar.models.llamagen.vq import VQConfig, VQTokenizer
from scalingar.models.var.multiscale_vq import MultiScaleVQ


@torch.no_grad()
def neutral(model: MultiScaleVQ) -> None:
    """The convolutions of the quantiser pass everything on unchanged, so that training begins with a plain sum."""
    phis = (conv for conv in model.quantize.quant_resi.qresi_ls if isinstance(conv, nn.Conv2d))
    for conv in (model.quant_conv, model.post_quant_conv, *phis):
        nn.init.dirac_(conv.weight)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)


@torch.no_grad()
def warm_start(model: MultiScaleVQ, path: Path) -> tuple[int, int]:
    """Take over what fits of the next-token tokenizer at ``path``. Returns how many tensors did, of how many.

    Its narrow convolutions before and after the codes are folded into the encoder's last and the decoder's first, whose
    further channels begin unheard.
    """
    saved = torch.load(path, weights_only=True)
    source = VQTokenizer(VQConfig(**saved["config"]))
    source.load_state_dict(saved["model"])
    own = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(("encoder.", "decoder."))}
    levels = len(source.config.channel_mult)
    given = {renamed(name, levels): tensor for name, tensor in source.state_dict().items()}
    given |= folded(source, model.config.z_channels)
    fitting = {name: given[name] for name in own if name in given and given[name].shape == own[name].shape}
    model.load_state_dict(fitting, strict=False)
    return len(fitting), len(own)


def renamed(name: str, levels: int) -> str:
    """A tensor of :mod:`scalingar.models.llamagen.vq` under the name another tokenizer gives it."""
    name = name.replace("mid.0.", "mid.block_1.").replace("mid.2.", "mid.block_2.")
    name = re.sub(r"conv_blocks\.(\d+)\.res\.", r"conv_blocks.\1.block.", name)
    name = name.replace("encoder.conv_blocks.", "encoder.down.")
    return re.sub(r"decoder\.conv_blocks\.(\d+)", lambda found: f"decoder.up.{levels - 1 - int(found[1])}", name)


def folded(source: VQTokenizer, width: int) -> dict[str, Tensor]:
    """Encoder's last and decoder's first convolution for latents of ``width`` channels; empty if those are too few."""
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
    heard = torch.zeros(first.out_channels, width, 3, 3)
    heard[:, :codes] = torch.einsum("ozkl,zi->oikl", first.weight, after.weight[..., 0, 0])
    return {
        "encoder.conv_out.weight": weight,
        "encoder.conv_out.bias": bias,
        "decoder.conv_in.weight": heard,
        "decoder.conv_in.bias": first.bias + first.weight.sum((2, 3)) @ after.bias,
    }
