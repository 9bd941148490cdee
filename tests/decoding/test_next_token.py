"""Guidance, noise, and that no trajectory feels another; parity is in ``tests/doctor/test_golden.py``."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import GeneratorNoise, Noise, SharedNoise, TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.models.llamagen.kv_cache import KVCache
from tests.tiny import llamagen as tiny
from tests.upstream import reference

PROMPTS = ((1, 2), (3, 4, 5), (6,))

# --- guidance and noise --------------------------------------------------------------------------

RUNS = [(name, run) for name in ("llamagen_c2i", "llamagen_t2i") for run in reference.load(name).config["samples"]]


@pytest.mark.parametrize(("interval", "guided"), [(-1, [1, 1, 1, 1, 1]), (0, [1, 1, 0, 0, 0]), (2, [1, 1, 1, 1, 0])])
def test_guidance_interval_counts_fed_codes(interval: int, guided: list[int]) -> None:
    """``k`` guides codes 0 to k + 1, whichever row stands where."""
    decoder = tiny.tiny_decoder(sampling=SamplingConfig(guidance_interval=interval))
    expected = torch.tensor([3.0 if on else 1.0 for on in guided])
    positions = torch.tensor([4, 0, 3, 1, 2])
    for scale in (3.0, torch.full((5,), 3.0)):
        scales = torch.as_tensor(decoder.scale_at(positions, scale)).expand(5)
        assert torch.equal(scales, expected[positions])


@pytest.mark.parametrize(("name", "run"), RUNS)
def test_the_stored_noise_is_what_a_generator_draws(name: str, run: str) -> None:
    file = reference.load(name)
    noise = GeneratorNoise(torch.Generator().manual_seed(file.config["samples"][run]["seed"]))
    stored = file[f"sample_noise.{run}"]
    for step in stored:
        assert torch.equal(noise.exponential(torch.zeros(3, dtype=torch.long), step.shape[1], step.device), step)


# --- no trajectory feels another ---------------------------------------------------------------


def start(
    decoder: NextTokenDecoder, indices: list[list[int]], order: tuple[int, ...] = (0, 1, 2), **kw: Any
) -> Trajectories:
    prompts = [PROMPTS[p] for p in order[: len(indices)]]
    noise = TrajectoryNoise.for_prompts([11 + p for p in order[: len(indices)]], indices)
    condition = decoder.model.condition(tiny.words(*prompts))
    return decoder.start(condition, indices, noise, branches=2 if kw.get("guided", True) else 1)


def images(live: Trajectories) -> dict[tuple[int, int], list[int]]:
    """Codes by (prompt, trajectory)."""
    names = zip(live.prompts.tolist(), live.indices.tolist(), strict=True)
    return dict(zip(names, live.codes.tolist(), strict=True))


@pytest.mark.parametrize("guided", [True, False])
def test_adding_a_trajectory_changes_no_other(tiny_decoder: NextTokenDecoder, guided: bool) -> None:
    few = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1], [5]], guided=guided)))
    many = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 7, 1, 2], [3, 5]], guided=guided)))
    assert {name: many[name] for name in few} == few
    alone = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[1]], guided=guided)))
    assert alone[0, 1] == few[0, 1]


def test_selecting_midway_leaves_survivors_alone(tiny_decoder: NextTokenDecoder) -> None:
    full = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1, 2, 3], [0, 1]])))
    live = tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1, 2, 3], [0, 1]]), until=5)
    live = tiny.decode(tiny_decoder, live.select(torch.tensor([5, 1, 3])), until=11)
    live = tiny.decode(tiny_decoder, live.select(torch.tensor([2, 0])))
    survivors = images(live)
    assert list(survivors) == [(0, 3), (1, 1)]
    assert survivors == {name: full[name] for name in survivors}


def test_survivors_logits_stay_the_same(tiny_decoder: NextTokenDecoder) -> None:
    full = tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1, 2, 3]]), until=10)
    live = tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1, 2, 3]]), until=4)
    live = tiny.decode(tiny_decoder, live.select(torch.tensor([2, 0])), until=10)
    torch.testing.assert_close(live.branches, full.branches[:, [2, 0]], atol=1e-5, rtol=0)


def test_permuting_prompts_permutes_results(tiny_decoder: NextTokenDecoder) -> None:
    straight = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1]] * 3)))
    order = (2, 0, 1)
    permuted = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1]] * 3, order)))
    for place, prompt in enumerate(order):
        for index in (0, 1):
            assert permuted[place, index] == straight[prompt, index]
    assert straight[0, 0] != straight[1, 0]


def test_copies_differ_after_the_fork_and_agree_before(tiny_decoder: NextTokenDecoder) -> None:
    full = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1]])))
    live = tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1]]), until=6)
    live = tiny.decode(tiny_decoder, live.select(torch.tensor([1, 1, 1])))
    original, *copies = live.codes.tolist()
    assert original == full[0, 1]
    for copy in copies:
        assert copy[:6] == original[:6]
        assert copy[6:] != original[6:]
    assert copies[0] != copies[1]


def test_first_codes_differ_across_trajectories(tiny_decoder: NextTokenDecoder) -> None:
    """One random stream for all rows would give every trajectory the same first code."""
    live = start(tiny_decoder, [list(range(24))])
    assert len(set(tiny_decoder.draw(live, 1.5).tolist())) > 4


def test_memory_shrinks_with_the_batch(tiny_decoder: NextTokenDecoder) -> None:
    live = tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1, 2, 3]]), until=5)
    before = live.nbytes
    live = tiny_decoder.advance(live.select(torch.tensor([1])).append(torch.tensor([0])))
    assert live.nbytes == before // 4
    assert live.branches[0].shape[0] == 1


def test_each_prompt_is_prefilled_once(tiny_decoder: NextTokenDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    prefill = tiny_decoder.model.prefill

    def counting(condition: Any, *, guided: bool) -> Any:
        rows.append(len(condition.conditional))
        return prefill(condition, guided=guided)

    monkeypatch.setattr(tiny_decoder.model, "prefill", counting)
    assert len(start(tiny_decoder, [[0, 1, 2, 3], [0, 1]])) == 6
    assert rows == [2]


def test_rows_at_different_positions_finish_as_they_would_alone(
    tiny_decoder: NextTokenDecoder,
) -> None:
    full = images(tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1]])))
    ahead = tiny.decode(tiny_decoder, start(tiny_decoder, [[0]]), until=9)
    behind = tiny.decode(tiny_decoder, start(tiny_decoder, [[1]]), until=4)
    live = join(behind, ahead)
    finished: dict[tuple[int, int], list[int]] = {}
    while len(live):
        live = live.append(tiny_decoder.draw(live, 3.0))
        finished |= images(live)
        live = live.select((~live.finished).nonzero()[:, 0])
        live = tiny_decoder.advance(live) if len(live) else live
    assert finished == full


def join(first: Trajectories, second: Trajectories) -> Trajectories:
    """The rows of two guided batches of the same prompt in one."""

    def together(name: str) -> Any:
        return torch.cat([getattr(first, name), getattr(second, name)])

    def branches(one: Tensor, other: Tensor, axis: int = 1) -> Tensor:
        pairs = zip(one.chunk(2, axis), other.chunk(2, axis), strict=True)
        return torch.cat([half for pair in pairs for half in pair], axis)

    indices = together("indices")
    return Trajectories(
        **{name: together(name) for name in ("prompts", "positions", "codes")},
        indices=indices,
        logits=branches(first.logits, second.logits, axis=0),
        cache=KVCache(list(map(branches, first.cache.layers, second.cache.layers))),
        noise=TrajectoryNoise.streams(11, indices.tolist()),
    )


def with_guidance(decoder: NextTokenDecoder, scale: float | Callable[[int], float]) -> Tensor:
    return tiny.decode(decoder, start(decoder, [[0, 1, 2]]), scale).codes


def test_guidance_of_one_equals_no_guidance(tiny_decoder: NextTokenDecoder) -> None:
    plain = tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1, 2]], guided=False)).codes
    assert torch.equal(with_guidance(tiny_decoder, 1.0), plain)
    assert not torch.equal(with_guidance(tiny_decoder, 3.0), plain)


def test_guidance_per_row(tiny_decoder: NextTokenDecoder) -> None:
    """Row i of a run with scales s equals row i of a run with s[i] everywhere."""
    scales = torch.tensor([1.0, 2.0, 5.0])
    live = start(tiny_decoder, [[0, 1, 2]])
    while not live.finished.all():
        live = live.append(tiny_decoder.draw(live, scales))
        live = live if live.finished.all() else tiny_decoder.advance(live)
    for row, scale in enumerate(scales.tolist()):
        assert torch.equal(live.codes[row], with_guidance(tiny_decoder, scale)[row])


def test_greedy_draws_no_noise() -> None:
    class Silent(SharedNoise):
        def exponential(self, *_: object) -> Tensor:
            raise AssertionError("greedy decoding drew noise")

    decoder = tiny.tiny_decoder(sampling=SamplingConfig(greedy=True))
    silent: Noise = Silent()
    live = decoder.start(decoder.model.condition(tiny.words((1, 2))), [[0, 1]], silent, branches=2)
    first, second = tiny.decode(decoder, live).codes.tolist()
    assert first == second


def test_decoding_leaves_global_randomness_alone(tiny_decoder: NextTokenDecoder) -> None:
    before = torch.random.get_rng_state()
    tiny.decode(tiny_decoder, start(tiny_decoder, [[0, 1]]))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("drawn", [16, 7])
def test_pictures_of_several_images_are_those_of_each(drawn: int) -> None:
    decoder = NextTokenDecoder(model=tiny.tiny_llamagen(), tokenizer=tiny.tiny_vq())
    total = decoder.grid[0] * decoder.grid[1]
    assert total == 16
    codes = torch.randint(decoder.vocab_size, (3, drawn), generator=torch.Generator().manual_seed(0))
    together = decoder.pictures([*codes])
    for picture, own in zip(together, codes, strict=True):
        torch.testing.assert_close(picture, decoder.pictures([own])[0], rtol=0, atol=1e-5)
    cell = tiny.tiny_vq().downsample
    grey = (together == 0).all(1).unflatten(2, (-1, cell)).unflatten(1, (-1, cell)).all(-1).all(2)
    assert grey.flatten(1).tolist() == [[place >= drawn for place in range(16)]] * 3
