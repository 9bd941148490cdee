"""GLM-Image through our loop draws what its own generate draws, preview and large grid, and rows can be given up."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GlmImageForConditionalGeneration, LogitsProcessor, LogitsProcessorList

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.contracts import DrawsPreview
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.sampling import draw, filter_logits
from scalingar.decoding.trajectories import Trajectories
from scalingar.models.glm_image.transformer import GlmImage
from tests.tiny import glm_image as tiny_glm
from tests.tiny import llamagen as tiny

PREVIEW, GRID = (3, 2), (5, 4)
TOTAL = 6 + 20
PAD, BEGIN = tiny_glm.PAD, tiny_glm.BEGIN
IDS = torch.tensor([[33, 34, 35, 39, 30, 43, BEGIN], [PAD, PAD, PAD, 33, 36, 30, BEGIN]])
MASK = torch.tensor([[1] * 7, [0, 0, 0, 1, 1, 1, 1]])
GRIDS = torch.tensor([[1, *GRID], [1, *PREVIEW]])
"""As the processor gives them: the large grid first, though the preview is drawn first."""
SPECIAL = list(range(tiny_glm.CODES, 28))


@pytest.fixture(scope="module")
def network() -> GlmImageForConditionalGeneration:
    return tiny_glm.tiny_glm_image()


@pytest.fixture(scope="module")
def model(network: GlmImageForConditionalGeneration) -> GlmImage:
    return GlmImage(network=network, grid=GRID, preview=PREVIEW, empty=torch.tensor([33, 30, BEGIN]))


def start(
    model: GlmImage, indices: list[list[int]], *, guided: bool = False, greedy: bool = False, **sampling: Any
) -> tuple[NextTokenDecoder, Trajectories]:
    decoder = NextTokenDecoder(model=model, sampling=SamplingConfig(greedy=greedy, **sampling))
    noise = TrajectoryNoise.for_prompts([5, 6][: len(indices)], indices)
    condition = model.condition(IDS[: len(indices)], MASK[: len(indices)].bool())
    return decoder, decoder.start(condition, indices, noise, branches=2 if guided else 1)


def official(network: Any, prompts: list[int], **settings: Any) -> Tensor:
    """Codes by ``generate``, which would also draw special tokens and end early unless it is told not to."""
    written = network.generate(
        input_ids=IDS[prompts],
        attention_mask=MASK[prompts],
        image_grid_thw=GRIDS.repeat(len(prompts), 1),
        images_per_sample=torch.tensor([2] * len(prompts)),
        max_new_tokens=TOTAL,
        suppress_tokens=SPECIAL,
        **settings,
    )
    return written[:, IDS.shape[1] :]


def images(live: Trajectories) -> dict[tuple[int, int], list[int]]:
    names = zip(live.prompts.tolist(), live.indices.tolist(), strict=True)
    return dict(zip(names, live.codes.tolist(), strict=True))


# --- parity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompts", [[0], [1], [0, 1]])
def test_greedy_codes_are_those_of_generate(
    network: GlmImageForConditionalGeneration, model: GlmImage, prompts: list[int]
) -> None:
    decoder = NextTokenDecoder(model=model, sampling=SamplingConfig(greedy=True))
    condition = model.condition(IDS[prompts], MASK[prompts].bool())
    live = decoder.start(condition, [[0]] * len(prompts), TrajectoryNoise.streams(0, [0] * len(prompts)), branches=1)
    codes = tiny.decode(decoder, live, 1.0).codes
    assert torch.equal(codes, official(network, prompts, do_sample=False))
    assert len(codes.unique()) > 4  # a run that says little would agree with anything


class OurDraw(LogitsProcessor):
    """Leaves generate one token, which our noise chooses."""

    def __init__(self, noise: TrajectoryNoise, sampling: SamplingConfig) -> None:
        self.noise, self.sampling, self.step = noise, sampling, 0

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        kept = filter_logits(scores[:, : tiny_glm.CODES].float(), self.sampling)
        steps = torch.full((len(scores),), self.step)
        codes = draw(kept, self.noise.exponential(steps, kept.shape[1], kept.device))
        self.step += 1
        return torch.full_like(scores, -torch.inf).scatter(1, codes[:, None], 0.0)


def test_sampled_codes_are_those_of_generate_with_our_noise(
    network: GlmImageForConditionalGeneration, model: GlmImage
) -> None:
    sampling: dict[str, Any] = {"temperature": 0.9, "top_p": 0.75, "top_k": 50}
    ours = OurDraw(TrajectoryNoise.for_prompts([5, 6], [[0], [0]]), SamplingConfig(**sampling))
    settings: dict[str, Any] = {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0}
    theirs = official(network, [0, 1], logits_processor=LogitsProcessorList([ours]), **settings)
    decoder, live = start(model, [[0], [0]], **sampling)
    assert torch.equal(tiny.decode(decoder, live, 1.0).codes, theirs)


@torch.inference_mode()
def test_logits_are_those_of_the_whole_sequence_at_once(
    network: GlmImageForConditionalGeneration, model: GlmImage
) -> None:
    """Without cache, masks and padding; the positions are those that transformers computes."""
    codes = torch.arange(TOTAL) % 7
    for row, valid in enumerate(MASK.bool()):
        prompt = IDS[row][valid]
        network.model.get_rope_index(prompt[None], GRIDS)
        later = network.model._cached_decode_position_ids[0][:, : TOTAL - 1]
        places = torch.cat([torch.arange(len(prompt)).expand(3, -1), later], 1)[:, None]
        ids = torch.cat([prompt, codes[:-1]])[None]
        hidden = network.model.language_model(input_ids=ids, position_ids=places, use_cache=False).last_hidden_state
        expected = network.lm_head(hidden[0, len(prompt) - 1 :])[:, : tiny_glm.CODES]
        _, live = start(model, [[0], [0]])
        seen = [live.branches[0][row]]
        for place in range(TOTAL - 1):
            step = model.step(codes[place].expand(2), torch.full((2,), place), live.cache)
            seen.append(step[row])
        torch.testing.assert_close(torch.stack(seen), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("preview", "grid"), [((3, 2), (5, 4)), ((2, 5), (1, 3)), ((4, 4), (2, 2))])
def test_places_are_those_of_get_rope_index(
    network: GlmImageForConditionalGeneration, preview: tuple[int, int], grid: tuple[int, int]
) -> None:
    model = GlmImage(network=network, grid=grid, preview=preview, empty=torch.tensor([BEGIN]))
    grids = torch.tensor([[1, *grid], [1, *preview]])
    network.model.get_rope_index(IDS[:1], grids)
    theirs = network.model._cached_decode_position_ids[0][:, :-1]  # the last is the end marker's
    assert torch.equal(model.places + 7, theirs)


# --- rows --------------------------------------------------------------------------------------


def test_it_draws_a_preview_first(model: GlmImage) -> None:
    assert isinstance(model, DrawsPreview)
    decoder, live = start(model, [[0]])
    assert (decoder.preview, decoder.preview_steps, decoder.grid) == (PREVIEW, 6, GRID)
    assert live.codes.shape == (1, TOTAL)
    assert decoder.vocab_size == tiny_glm.CODES


@pytest.mark.parametrize("guided", [False, True])
def test_survivors_are_what_they_would_have_been(model: GlmImage, guided: bool) -> None:
    """Cut within the preview, at its end and within the large grid, with prompts of different lengths."""
    full = images(tiny.decode(*start(model, [[0, 1, 2], [0, 1]], guided=guided)))
    decoder, live = start(model, [[0, 1, 2], [0, 1]], guided=guided)
    live = tiny.decode(decoder, live, until=4)
    live = tiny.decode(decoder, live.select(torch.tensor([4, 1, 0])), until=6)
    live = tiny.decode(decoder, live.select(torch.tensor([0, 1])), until=11)
    survivors = images(tiny.decode(decoder, live.select(torch.tensor([1, 0]))))
    assert list(survivors) == [(0, 1), (1, 1)]
    assert survivors == {name: full[name] for name in survivors}
    assert len({tuple(codes) for codes in full.values()}) == 5


def test_a_batch_draws_what_each_image_draws_alone(model: GlmImage) -> None:
    """Each image has its own seed, whoever else is drawn; ``generate`` takes one for all."""
    both = images(tiny.decode(*start(model, [[0], [0]])))
    first = images(tiny.decode(*start(model, [[0]])))
    assert both[0, 0] == first[0, 0]


@pytest.mark.parametrize("position", [1, 5, 6, 7, 20])
def test_a_row_can_go_back_to_any_code_of_either_grid(model: GlmImage, position: int) -> None:
    decoder, live = start(model, [[0], [0]])
    live = tiny.decode(decoder, live, until=TOTAL)
    codes = live.codes.clone()
    again = decoder.rewind(live.copy(torch.tensor([0, 1]), TrajectoryNoise.for_prompts([5, 6], [[0], [0]])), position)
    again = tiny.decode(decoder, decoder.advance(again))
    assert torch.equal(again.codes, codes)


def test_memory_shrinks_with_the_rows(model: GlmImage) -> None:
    decoder, live = start(model, [[0, 1, 2, 3]])
    live = tiny.decode(decoder, live, until=6)
    before = live.cache.nbytes
    live = live.select(torch.tensor([2]))
    assert (live.cache.rows, live.cache.nbytes) == (1, before // 4)


def test_the_other_branch_reads_a_prompt_without_words(model: GlmImage) -> None:
    condition = model.condition(IDS, MASK.bool())
    assert [row.tolist() for row in condition.unconditional] == [[33, 30, BEGIN]] * 2
    _, live = start(model, [[0], [0]], guided=True)
    assert len(live.branches) == 2
    conditional, unconditional = live.branches
    assert torch.equal(unconditional[0], unconditional[1])
    assert not torch.equal(conditional[0], unconditional[0])
