"""SimpleAR through our loop draws what its authors' rule draws, and its rows can be given up."""

import json
from pathlib import Path

import pytest
import torch
from transformers import Qwen2ForCausalLM

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.models.simplear.frame_decoder import CODES
from scalingar.models.simplear.simplear import SimpleAR, load_simplear
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import llamagen as tiny
from tests.tiny import simplear as tiny_simplear

WORDS = tiny_simplear.WORDS
IDS = torch.tensor([[2, 4, 9, 10, 11, 3], [1, 1, 2, 9, 11, 3]])
MASK = torch.tensor([[1] * 6, [0, 0, 1, 1, 1, 1]]).bool()
NEGATIVE = torch.tensor([2, 12, 3])


@pytest.fixture(scope="module")
def network() -> Qwen2ForCausalLM:
    return tiny_simplear.tiny_network()


@pytest.fixture(scope="module")
def model(network: Qwen2ForCausalLM) -> SimpleAR:
    return SimpleAR(network=network, grid=(3, 3), first=WORDS, negative=NEGATIVE)


@torch.inference_mode()
def official(network: Qwen2ForCausalLM, prompt: torch.Tensor, scale: float, count: int) -> list[int]:
    """The most probable codes under guided log-probabilities, each from the whole sequence at once."""
    codes: list[int] = []
    for _ in range(count):
        drawn = torch.tensor(codes, dtype=torch.long) + WORDS
        branches = [network(torch.cat([ids, drawn])[None]).logits[0, -1] for ids in (prompt, NEGATIVE)]
        conditional, unconditional = (logits.log_softmax(-1) for logits in branches)
        guided = scale * (conditional - unconditional) + unconditional
        codes.append(int(guided[WORDS:].argmax()))
    return codes


@pytest.mark.parametrize("scale", [6.0, 2.0])
def test_greedy_codes_are_those_of_the_authors_rule(network: Qwen2ForCausalLM, model: SimpleAR, scale: float) -> None:
    decoder = NextTokenDecoder(model=model, sampling=SamplingConfig(greedy=True))
    noise = TrajectoryNoise.streams(0, [0, 0])
    live = decoder.start(model.condition(IDS, MASK), [[0], [0]], noise, branches=2)
    codes = tiny.decode(decoder, live, scale).codes
    for row, valid in enumerate(MASK):
        assert codes[row].tolist() == official(network, IDS[row][valid], scale, 9)
    assert len(codes.unique()) > 4


def test_loading_a_folder(tmp_path: Path) -> None:
    folder = tiny_simplear.save_simplear(tmp_path)
    model, images, prompts, defaults = load_simplear(
        folder, folder / "decoder.jit", image_size=32, negative_prompt="lowres"
    )
    assert (model.grid, model.vocab_size, model.first, images.downsample) == ((2, 2), CODES, WORDS, 16)
    assert defaults.guidance_scale == 6
    ids, mask = prompts(["a red dog", "dog "])
    texts = [prompts.tokenizer.decode(row[valid]) for row, valid in zip(ids, mask, strict=True)]
    assert texts == [f"<|t2i|>A highly realistic image of {prompt}<|soi|>" for prompt in ("a red dog", "dog")]
    assert (int(ids[0, 0]), int(ids[0, -1])) == (WORDS - 2, WORDS - 1)
    assert prompts.tokenizer.decode(model.negative) == "<|t2i|>lowres<|soi|>"


def test_a_picture(tmp_path: Path) -> None:
    pipe = ImagePipeline.from_pretrained(tiny_simplear.save_simplear(tmp_path), image_size=32)
    output = pipe("a red dog", strategy="scaling-ar", num_trajectories=3, seed=0)
    assert output.images[0].size == (32, 32)
    assert set(pipe.hashes) == {"model.safetensors", "decoder.jit"}


def test_what_is_not_simplear(tmp_path: Path) -> None:
    folder = tiny_simplear.save_simplear(tmp_path)
    decoder = folder / "decoder.jit"
    with pytest.raises(ConfigError, match="image_size is 40; give a multiple of 16"):
        load_simplear(folder, decoder, image_size=40)
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace("<|soi|>", "<|other|>"))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config).replace("<|soi|>", "<|other|>"))
    with pytest.raises(WeightsError, match=r"a language model without the words <\|soi\|>; it is not SimpleAR"):
        load_simplear(folder, decoder)
    decoder.unlink()
    with pytest.raises(WeightsError, match="holds a transformer only; give its tokenizer's file as tokenizer"):
        ImagePipeline.from_pretrained(folder)
