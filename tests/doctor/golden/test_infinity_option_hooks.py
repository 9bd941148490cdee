"""Options of the official transformer; what they compute is held to its outputs by the golden files."""

import torch
from torch import Tensor

from scalingar.doctor.golden.infinity.option_hooks import embed_level_before_chunks, guided_after
from scalingar.doctor.golden.infinity.transformer_check import forced
from scalingar.models.infinity.bsq import BitQuantizer
from scalingar.models.infinity.transformer import Infinity
from tests.tiny import infinity as tiny

QUANTIZER = BitQuantizer.on(tiny.SCHEDULE, 4)


def logits(model: Infinity) -> Tensor:
    """Of all scales, the conditional row first."""
    texts = model.condition(*tiny.texts(3, seed=9))
    return torch.cat([one.logits for one in forced(model, QUANTIZER, texts, tiny.bits(1), guided=True)], 1)


def test_the_scale_embedding_before_every_chunk() -> None:
    plain, whole, chunks = tiny.tiny_infinity(), tiny.tiny_infinity(), tiny.tiny_infinity()
    embed_level_before_chunks(whole, (3,))
    embed_level_before_chunks(chunks, (2, 1))
    assert torch.equal(logits(whole), logits(plain))
    assert not torch.allclose(logits(chunks)[:, :1], logits(plain)[:, :1], atol=1e-3)
    with torch.no_grad():
        for model in (plain, chunks):
            model.lvl_embed.weight.zero_()
    assert torch.equal(logits(chunks), logits(plain))


def test_guidance_on_hidden_states() -> None:
    """After the last block it changes only what the head reads: nothing at 1, the unconditional branch's at 0."""
    model = tiny.tiny_infinity()
    plain = logits(model)
    with guided_after(model, -1, 1.0):
        torch.testing.assert_close(logits(model)[0], plain[0])
    with guided_after(model, -1, 0.0):
        assert torch.equal(logits(model)[1], plain[1])
    assert not torch.allclose(plain[0], plain[1], atol=1e-2)
    with guided_after(model, 0, 3.0):
        assert not torch.allclose(logits(model), plain, atol=1e-2)
    assert torch.equal(logits(model), plain)
