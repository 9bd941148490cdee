"""Emu3 through our loop draws what generate draws under its layout, with the branches in one batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Emu3ForConditionalGeneration

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.models.hf.emu3 import Emu3, Emu3Images, code_grid, load_emu3
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import hf as tiny_hf
from tests.tiny import llamagen as tiny
from tests.tiny.t5 import save_tiny_t5

GRID = (3, 5)
BEGIN = 28
"""The token before the image."""

IDS = torch.tensor([[24, 5, 6, 7, 27, BEGIN], [25, 25, 24, 10, 27, BEGIN]])
MASK = torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1]])
NEGATIVE = torch.tensor([[24, 1, 2, 3, 4, 8, 9, 27, BEGIN]])
"""Longer than the prompts."""

CODES = torch.arange(15) * 7 % 24


@pytest.fixture(scope="module", params=[False, True], ids=["contiguous", "scattered"])
def network(request: pytest.FixtureRequest) -> Emu3ForConditionalGeneration:
    return tiny_hf.tiny_emu3(scattered=request.param)


@pytest.fixture(scope="module")
def model(network: Emu3ForConditionalGeneration) -> Emu3:
    return Emu3(network=network, grid=GRID, negative=list(NEGATIVE))


def layout(network: Emu3ForConditionalGeneration) -> Callable[[int, Tensor], list[int]]:
    """Which words may follow, restated from the model's description for ``prefix_allowed_tokens_fn``."""
    height, width = GRID

    def allowed(_: int, ids: Tensor) -> list[int]:
        written = len(ids) - 1 - ids.tolist().index(BEGIN)
        line, place = divmod(written, width + 1)
        if line >= height:
            return [(22, 23, 26, 25)[min(written - height * (width + 1), 3)]]
        return [21] if place == width else network.vocabulary_mapping.image_tokens

    return allowed


def official(network: Any, rows: list[int], **settings: Any) -> Tensor:
    return network.generate(
        IDS[rows],
        attention_mask=MASK[rows],
        prefix_allowed_tokens_fn=layout(network),
        max_new_tokens=3 * 6 + 3,
        do_sample=False,
        **settings,
    )[:, IDS.shape[1] :]


def start(model: Emu3, indices: list[list[int]], *, guided: bool = True) -> tuple[NextTokenDecoder, Trajectories]:
    rows = range(len(indices))
    noise = TrajectoryNoise.for_prompts([5 + row for row in rows], indices)
    condition = model.condition(IDS[: len(indices)], MASK[: len(indices)].bool())
    decoder = NextTokenDecoder(model=model)
    return decoder, decoder.start(condition, indices, noise, branches=2 if guided else 1)


def greedy(model: Emu3, rows: list[int], scale: float) -> Tensor:
    decoder = NextTokenDecoder(model=model, sampling=SamplingConfig(greedy=True))
    noise = TrajectoryNoise.streams(0, [0] * len(rows))
    live = decoder.start(
        model.condition(IDS[rows], MASK[rows].bool()), [[0]] * len(rows), noise, branches=2 if scale > 1 else 1
    )
    return tiny.decode(decoder, live, scale).codes


# --- parity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[0], [1], [0, 1]])
def test_greedy_codes_are_those_of_generate(
    network: Emu3ForConditionalGeneration, model: Emu3, rows: list[int]
) -> None:
    negative = {
        "negative_prompt_ids": NEGATIVE.expand(len(rows), -1),
        "negative_prompt_attention_mask": torch.ones(len(rows), 9, dtype=torch.long),
    }
    expected = official(network, rows, guidance_scale=3.0, **negative)
    codes = greedy(model, rows, 3.0)
    assert torch.equal(model.sequence(codes), expected)
    assert len(codes.unique()) > 4  # a run that says little would agree with anything


def test_without_a_negative_prompt_the_other_branch_reads_the_last_token(
    network: Emu3ForConditionalGeneration,
) -> None:
    model = Emu3(network=network, grid=GRID)
    assert torch.equal(model.sequence(greedy(model, [0, 1], 3.0)), official(network, [0, 1], guidance_scale=3.0))


def test_without_guidance(network: Emu3ForConditionalGeneration, model: Emu3) -> None:
    plain = official(network, [0, 1], guidance_scale=1.0)
    assert torch.equal(model.sequence(greedy(model, [0, 1], 1.0)), plain)
    assert not torch.equal(greedy(model, [0, 1], 1.0), greedy(model, [0, 1], 3.0))


@torch.inference_mode()
def test_logits_are_those_of_the_whole_sequence_at_once(network: Emu3ForConditionalGeneration, model: Emu3) -> None:
    """Without cache, masks and padding, each prompt alone, ends of lines among the codes."""
    written = model.sequence(CODES[None])[0, :-4]
    is_choice = torch.tensor([place % 6 != 5 for place in range(18)])
    for row, valid in enumerate(MASK.bool()):
        _, live = start(model, [[0], [0]])
        ids = torch.cat([IDS[row][valid], written])
        expected = network(ids[None]).logits[0, -len(written) - 1 :, model.visual]
        expected = expected[is_choice]
        seen = [live.branches[0][row]]
        for place, code in enumerate(CODES[:-1]):
            step = model.step(code.expand(4), torch.full((4,), place), live.cache)
            seen.append(step[row])
        torch.testing.assert_close(torch.stack(seen), expected, atol=1e-5, rtol=0)
        assert live.branches[0].shape == (2, 24)


# --- rows --------------------------------------------------------------------------------------


def images(live: Trajectories) -> dict[tuple[int, int], list[int]]:
    names = zip(live.prompts.tolist(), live.indices.tolist(), strict=True)
    return dict(zip(names, live.codes.tolist(), strict=True))


@pytest.mark.parametrize("guided", [True, False])
def test_survivors_are_what_they_would_have_been(model: Emu3, guided: bool) -> None:
    full = images(tiny.decode(*start(model, [[0, 1, 2], [0, 1]], guided=guided)))
    decoder, live = start(model, [[0, 1, 2], [0, 1]], guided=guided)
    live = tiny.decode(decoder, live, until=5)  # an end of line has just been fed
    live = tiny.decode(decoder, live.select(torch.tensor([4, 1])), until=11)
    survivors = images(tiny.decode(decoder, live.select(torch.tensor([1, 0]))))
    assert list(survivors) == [(0, 1), (1, 1)]
    assert survivors == {name: full[name] for name in survivors}
    assert len({tuple(codes) for codes in full.values()}) == 5


# --- pixels and sizes --------------------------------------------------------------------------


def test_pixels_are_those_of_decode_image_tokens(network: Emu3ForConditionalGeneration, model: Emu3) -> None:
    codes = torch.stack([CODES, CODES.flip(0)])
    pictures = Emu3Images(network).decode(codes, GRID)
    expected = network.decode_image_tokens(image_tokens=model.sequence(codes), height=3, width=5)
    assert pictures.shape == (2, 3, 3 * 2, 5 * 2)
    torch.testing.assert_close(pictures, expected)
    with pytest.raises(ValueError, match="15 codes do not fill a grid of 5x5"):
        Emu3Images(network).decode(codes, (5, 5))


def test_pixels_of_a_tokenizer_trained_on_another_scale(network: Emu3ForConditionalGeneration) -> None:
    half = Emu3Images(network).decode(CODES[None], GRID)
    other = Emu3Images(network, (0.5, 0.4, 0.3), (0.5, 0.25, 0.1)).decode(CODES[None], GRID)
    torch.testing.assert_close(other[:, 0], half[:, 0])
    torch.testing.assert_close(other[:, 1], 2 * (half[:, 1] * 0.25 + 0.4) - 1)
    torch.testing.assert_close(other[:, 2], 2 * (half[:, 2] * 0.1 + 0.3) - 1)


@pytest.mark.parametrize(
    ("ratio", "area", "grid"), [("1:1", 720 * 720, (90, 90)), ("4:3", 720 * 720, (78, 104)), ("3:4", 1200, (5, 4))]
)
def test_grids_of_pictures(ratio: str, area: int, grid: tuple[int, int]) -> None:
    assert code_grid(ratio, area, 8) == grid


@pytest.mark.parametrize(
    ("ratio", "area", "said"),
    [
        ("wide", 100, "aspect_ratio is 'wide'"),
        ("1:0", 100, "aspect_ratio is '1:0'"),
        ("1:1", 3, "3 pixels at aspect_ratio 1:1 are less than one code"),
        ("1:1", -1, "-1"),
    ],
)
def test_grids_that_no_picture_has(ratio: str, area: int, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        code_grid(ratio, area, 8)


# --- folders -----------------------------------------------------------------------------------


def test_a_folder_becomes_a_pipeline(tmp_path: Path, network: Emu3ForConditionalGeneration) -> None:
    folder = tiny_hf.save_emu3(tmp_path, network)
    model, pixels, encode, defaults = load_emu3(folder, aspect_ratio="5:3", image_area=60, negative_prompt="lowres dog")
    assert (model.grid, model.vocab_size, pixels.downsample) == ((3, 5), 24, 2)
    assert (defaults.guidance_scale, defaults.sampling) == (3.0, SamplingConfig(top_k=7))
    assert (pixels.mean, pixels.std) == ((0.5,) * 3, (0.5,) * 3)
    pipe = ImagePipeline("emu3", model, pixels, encode, defaults.guidance_scale, defaults.sampling)
    output = pipe(["a red apple", "dog"], strategy={"name": "best-of-n", "reward": "pmi"}, num_trajectories=3, seed=1)
    assert [image.size for image in output.images] == [(10, 6), (10, 6)]
    assert output.ledger.prefill_rows == 4
    assert output.ledger.tokens == 2 * 3 * 15
    assert pipe.preview(output.results[0].candidates[1]).size == (10, 6)


def test_prompts_announce_the_size(tmp_path: Path) -> None:
    """Read back as words: begin of sequence, prompt, begin of image, size, begin of codes."""
    model, _, encode, _ = load_emu3(
        tiny_hf.save_emu3(tmp_path), aspect_ratio="5:3", image_area=60, negative_prompt="lowres"
    )
    ids, mask = encode([" a red apple ", " dog "])
    assert encode.tokenizer.convert_ids_to_tokens(ids[0].tolist()) == [
        "<|extra_203|>", "a", "red", "apple", "<|image start|>", "3*5", "<|image token|>",
    ]  # fmt: skip
    assert mask.sum(1).tolist() == [7, 5]
    assert model.negative is not None
    words = encode.tokenizer.convert_ids_to_tokens(model.negative[0].tolist())
    assert words[-3:] == ["<|image start|>", "3*5", "<|image token|>"]


def test_scale_of_the_pixels_comes_with_the_model(tmp_path: Path) -> None:
    folder = tiny_hf.save_emu3(tmp_path)
    (folder / "preprocessor_config.json").write_text('{"image_mean": [0.4, 0.5, 0.6], "image_std": [0.1, 0.2, 0.3]}')
    _, pixels, _, _ = load_emu3(folder, aspect_ratio="1:1", image_area=60)
    assert (pixels.mean, pixels.std) == ((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))


def test_vocabulary_without_lines(tmp_path: Path) -> None:
    network = tiny_hf.tiny_emu3()
    names = dict(network.config.vocabulary_map or {})
    names.pop("<|extra_200|>")
    network.config.vocabulary_map = names
    with pytest.raises(WeightsError, match=r"no <\|extra_200\|>; config.json is not Emu3's"):
        load_emu3(tiny_hf.save_emu3(tmp_path, network))


def test_vocabulary_and_tokenizer_must_agree(tmp_path: Path) -> None:
    network = tiny_hf.tiny_emu3()
    names = dict(network.config.vocabulary_map or {})
    names.pop("<|visual token 000007|>")
    network.config.vocabulary_map = names
    with pytest.raises(WeightsError, match="has 23 visual tokens, the image tokenizer 24 codes"):
        load_emu3(tiny_hf.save_emu3(tmp_path, network))


def test_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is janus, not emu3"):
        load_emu3(tiny_hf.save_janus(tmp_path))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """It would give ids of other words, or none, and draw pictures of nothing."""
    folder, other = tiny_hf.save_emu3(tmp_path / "emu3"), save_tiny_t5(tmp_path / "t5")
    for file in other.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    with pytest.raises(WeightsError, match=r"its tokenizer is not Emu3's: .*'<\|extra_203\|>'"):
        load_emu3(folder)


@pytest.mark.parametrize("values", ["[0.5, NaN, 0.5]", "[0.5]", '["a", 1, 1]', '"half"'])
def test_a_scale_of_pixels_that_is_none(tmp_path: Path, values: str) -> None:
    folder = tiny_hf.save_emu3(tmp_path)
    (folder / "preprocessor_config.json").write_text(f'{{"image_mean": {values}, "image_std": [1, 1, 1]}}')
    with pytest.raises(WeightsError, match=r"image_mean is .*; three numbers are needed"):
        load_emu3(folder)
