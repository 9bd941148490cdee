"""Scale by scale: what is drawn, fed and shared."""

from itertools import accumulate

import pytest
import torch

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.noise import GeneratorNoise, Noise
from scalingar.decoding.trajectories import ScaleTrajectories
from tests.tiny import scales as tiny


def started(
    decoder: NextScaleDecoder, indices: list[list[int]], *, guided: bool = True, noise: Noise | None = None
) -> ScaleTrajectories:
    condition = tiny.encode(["one", "three"][: len(indices)])
    return decoder.start(condition, indices, noise or tiny.noise(indices), branches=2 if guided else 1)


def decode(
    decoder: NextScaleDecoder, live: ScaleTrajectories, *, until: int = 7, scale: float = 2.0
) -> ScaleTrajectories:
    while True:
        live = decoder.append(live, decoder.draw(live, scale))
        if int(live.positions[0]) == until:
            return live
        live = decoder.advance(live)


def test_the_first_scale_runs_once_per_prompt_and_branch() -> None:
    model = tiny.TinyScales()
    live = started(tiny.decoder(model), [[0, 1, 2], [4]])
    assert model.seen == [4]
    assert (live.cache.rows, live.prompts.tolist(), live.indices.tolist()) == (8, [0, 0, 0, 1], [0, 1, 2, 4])
    assert live.total_steps == 7
    assert live.ends == tuple(accumulate(2 * side * side for side in tiny.SIDES))


def test_no_second_prompt() -> None:
    with pytest.raises(ConfigError, match="this model is next-scale; leave it out"):
        tiny.decoder().start(tiny.encode(["one", "three"]), [[0]], tiny.noise([[0]]), branches=3)


def test_trajectories_are_complete_after_the_last_scale() -> None:
    decoder = tiny.decoder()
    live = decode(decoder, started(decoder, [[0, 1]]))
    assert live.finished.all()
    assert live.codes.shape == (2, 2 * tiny.TOKENS)
    torch.testing.assert_close(decoder.latent(live.codes.unflatten(1, (-1, 2))), live.latent)
    assert decoder.pixels(live.latent).abs().max() == 1


@pytest.mark.parametrize("guided", [True, False])
def test_no_trajectory_feels_another(guided: bool) -> None:
    decoder = tiny.decoder()
    together = decode(decoder, started(decoder, [[0, 1, 5], [0]], guided=guided))
    alone = decode(decoder, started(decoder, [[5]], guided=guided))
    assert torch.equal(together.codes[2], alone.codes[0])
    assert not torch.equal(together.codes[0], together.codes[1])


def test_select_takes_the_latent_along_and_copies_diverge() -> None:
    decoder = tiny.decoder()
    live = decode(decoder, started(decoder, [[0, 1, 2]]), until=4)
    before = live.codes.clone()
    forked = decoder.advance(live.select(torch.tensor([2, 0, 2])))
    assert torch.equal(forked.latent[0], forked.latent[2])
    done = decode(decoder, forked)
    drawn = done.codes_until(4)
    assert torch.equal(done.codes[:, :drawn], before[[2, 0, 2], :drawn])
    assert not torch.equal(done.codes[0], done.codes[2])
    whole = decode(decoder, started(decoder, [[0, 1, 2]]))
    assert torch.equal(done.codes[:2], whole.codes[[2, 0]]), "first copies go on as if nothing had happened"


def test_fewer_rows_take_less_memory() -> None:
    decoder = tiny.decoder()
    live = decode(decoder, started(decoder, [[0, 1, 2, 3]]), until=3)
    before = live.nbytes
    assert live.select(torch.tensor([1])).nbytes * 4 == before


def test_guidance_is_the_models_at_each_scale() -> None:
    """The tiny model ramps from 1, so that the first scale is drawn unguided whatever the scale."""
    decoder = tiny.decoder()
    weak, strong = (decode(decoder, started(decoder, [[0, 1]]), scale=scale).codes for scale in (1.0, 9.0))
    assert torch.equal(weak[:, :2], strong[:, :2])
    assert not torch.equal(weak, strong)


def test_sampled_as_torch_samples() -> None:
    """One generator for the batch draws what torch.multinomial draws, code by code."""
    decoder = tiny.decoder()
    live = started(decoder, [[0, 0, 0]], noise=GeneratorNoise(torch.Generator().manual_seed(3)))
    probs = live.branches[0].softmax(-1).flatten(0, -2)
    expected = torch.multinomial(probs, 1, generator=torch.Generator().manual_seed(3))
    assert torch.equal(decoder.draw(live, 5.0).flatten(), expected[:, 0])


def test_filters_and_temperature() -> None:
    greedy = tiny.decoder(sampling=SamplingConfig(greedy=True))
    expected = decode(greedy, started(greedy, [[0]])).codes
    for sampling in (SamplingConfig(top_k=1), SamplingConfig(top_p=1e-6), SamplingConfig(temperature=0.0)):
        decoder = tiny.decoder(sampling=sampling)
        assert torch.equal(decode(decoder, started(decoder, [[0]])).codes, expected), sampling


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ConfigError, match="guidance_interval=3 counts the codes"):
        tiny.decoder(sampling=SamplingConfig(guidance_interval=3))


def test_latents_of_first_scales_only() -> None:
    decoder = tiny.decoder()
    live = decode(decoder, started(decoder, [[0]]), until=3)
    codes = live.codes[:, : live.codes_until(3)].unflatten(1, (-1, 2))
    torch.testing.assert_close(decoder.latent(codes), live.latent)
    with pytest.raises(ConfigError, match="13 tokens do not end with a scale"):
        decoder.latent(codes[:, :-1])


@pytest.mark.parametrize("scales", [7, 3])
def test_pictures_of_several_images_are_those_of_each(scales: int) -> None:
    decoder = tiny.decoder()
    tokens = sum(side * side for side in tiny.SIDES[:scales])
    codes = torch.randint(tiny.VALUES, (3, tokens, tiny.GROUPS), generator=torch.Generator().manual_seed(0))
    together = decoder.pictures([*codes])
    for picture, own in zip(together, codes, strict=True):
        torch.testing.assert_close(picture, decoder.pixels(decoder.latent(own[None]))[0], rtol=0, atol=1e-5)
    with pytest.raises(ConfigError, match="tokens do not end with a scale"):
        decoder.pictures([*codes[:, :-1]])
