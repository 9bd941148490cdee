"""Janus through our loop draws what its own generate draws, and its rows can be given up."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import JanusForConditionalGeneration

from scalingar.core.errors import WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.decoding.trajectories import Trajectories
from scalingar.models.hf.hf_cache import HFCache
from scalingar.models.hf.janus import CONVERSATION, Janus, JanusImages, JanusPrompts, load_janus
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import hf as tiny_hf
from tests.tiny import llamagen as tiny

IDS = torch.tensor([[1, 5, 6, 7, 8, 9, 3], [2, 2, 2, 1, 10, 11, 3]])
MASK = torch.tensor([[1] * 7, [0, 0, 0, 1, 1, 1, 1]])


@pytest.fixture(scope="module")
def network() -> JanusForConditionalGeneration:
    return tiny_hf.tiny_janus()


@pytest.fixture(scope="module", params=[False, True], ids=["growing", "fixed"])
def model(network: JanusForConditionalGeneration, request: pytest.FixtureRequest) -> Janus:
    """With a cache that grows, and with one of fixed length as captured steps take it."""
    return Janus(network=network, kept=(1, 3), padding=2, cuda_graphs=request.param)


def start(model: Janus, indices: list[list[int]], *, greedy: bool = False) -> tuple[NextTokenDecoder, Trajectories]:
    decoder = NextTokenDecoder(model=model, sampling=SamplingConfig(greedy=greedy))
    noise = TrajectoryNoise.for_prompts([5, 6][: len(indices)], indices)
    condition = model.condition(IDS[: len(indices)], MASK[: len(indices)].bool())
    return decoder, decoder.start(condition, indices, noise, branches=2)


# --- parity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompts", [[0], [1], [0, 1]])
@pytest.mark.parametrize("scale", [5.0, 3.0])
def test_greedy_codes_are_those_of_generate(
    network: JanusForConditionalGeneration, model: Janus, prompts: list[int], scale: float
) -> None:
    settings: dict[str, Any] = {"attention_mask": MASK[prompts], "do_sample": False, "guidance_scale": scale}
    official = network.generate(IDS[prompts], generation_mode="image", **settings)
    decoder = NextTokenDecoder(model=model, sampling=SamplingConfig(greedy=True))
    condition = model.condition(IDS[prompts], MASK[prompts].bool())
    noise = TrajectoryNoise.streams(0, [0] * len(prompts))
    live = decoder.start(condition, [[0]] * len(prompts), noise, branches=2)
    codes = tiny.decode(decoder, live, scale).codes
    assert torch.equal(codes, official)
    assert len(codes.unique()) > 4  # a run that says little would agree with anything


@torch.inference_mode()
def test_logits_are_those_of_the_whole_sequence_at_once(network: JanusForConditionalGeneration, model: Janus) -> None:
    """Without cache, masks and padding, each prompt alone."""
    _, live = start(model, [[0], [0]])
    codes = torch.arange(16) % 7
    for row, valid in enumerate(MASK.bool()):
        _, alone = start(model, [[0], [0]])
        text = network.get_input_embeddings()(IDS[row][valid])
        pictures = network.prepare_embeddings_for_image_generation(codes[:-1])
        hidden = network.model.language_model(inputs_embeds=torch.cat([text, pictures])[None]).last_hidden_state[0]
        expected = network.model.generation_head(hidden[int(valid.sum()) - 1 :])
        seen = [alone.branches[0][row]]
        for place in range(15):
            step = model.step(codes[place].expand(4), torch.full((4,), place), alone.cache)
            seen.append(step[row].clone())
        torch.testing.assert_close(torch.stack(seen), expected, atol=1e-5, rtol=0)
    assert live.branches[0].dtype == torch.float32


def test_padding_on_the_other_side_changes_nothing(model: Janus) -> None:
    moved = torch.tensor([[1, 5, 6, 7, 8, 9, 3], [1, 10, 11, 3, 2, 2, 2]])
    mask = torch.tensor([[1] * 7, [1, 1, 1, 1, 0, 0, 0]]).bool()
    left, _ = model.prefill(model.condition(IDS, MASK.bool()), guided=True)
    right, _ = model.prefill(model.condition(moved, mask), guided=True)
    assert torch.equal(left, right)


def test_the_other_branch_keeps_only_the_frame_of_the_prompt(model: Janus) -> None:
    null = model.condition(IDS, MASK.bool()).unconditional
    assert [row.tolist() for row in null] == [[1, 2, 2, 2, 2, 2, 3], [1, 2, 2, 3]]


# --- rows --------------------------------------------------------------------------------------


def images(live: Trajectories) -> dict[tuple[int, int], list[int]]:
    names = zip(live.prompts.tolist(), live.indices.tolist(), strict=True)
    return dict(zip(names, live.codes.tolist(), strict=True))


def test_survivors_are_what_they_would_have_been(model: Janus) -> None:
    full = images(tiny.decode(*start(model, [[0, 1, 2], [0, 1]])))
    decoder, live = start(model, [[0, 1, 2], [0, 1]])
    live = tiny.decode(decoder, live, until=6)
    live = tiny.decode(decoder, live.select(torch.tensor([4, 1])), until=11)
    survivors = images(tiny.decode(decoder, live.select(torch.tensor([1, 0]))))
    assert list(survivors) == [(0, 1), (1, 1)]
    assert survivors == {name: full[name] for name in survivors}
    assert len({tuple(codes) for codes in full.values()}) == 5


def test_a_second_prompt_may_be_longer(model: Janus) -> None:
    """Both are padded together, and read as if alone."""
    decoder, noise = NextTokenDecoder(model=model), TrajectoryNoise.streams(0, [0])
    condition = model.condition(IDS[[1, 0]], MASK[[1, 0]].bool())
    live = decoder.start(condition, [[0]], noise, branches=3)
    alone = [decoder.start(model.condition(IDS[[row]], MASK[[row]].bool()), [[0]], noise, branches=2) for row in (1, 0)]
    for code in (3, 1):
        torch.testing.assert_close(live.branches[:2], alone[0].branches, atol=1e-5, rtol=0)
        torch.testing.assert_close(live.branches[2], alone[1].branches[0], atol=1e-5, rtol=0)
        live, *alone = (decoder.advance(one.append(torch.tensor([code]))) for one in (live, *alone))


def test_memory_shrinks_with_the_rows(model: Janus) -> None:
    decoder, live = start(model, [[0, 1, 2, 3]])
    live = tiny.decode(decoder, live, until=5)
    before = live.cache.nbytes
    live = live.select(torch.tensor([2]))
    assert live.cache.rows == 2
    assert live.cache.nbytes == before // 4
    assert all(buffer.shape[0] == 2 for layer in live.cache.layers for buffer in layer.buffers)


def test_each_prompt_is_run_once_per_branch(model: Janus, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    feed = HFCache.feed

    def counting(self: HFCache, language_model: object, ids: Tensor, *, embedded: bool = False) -> Tensor:
        rows.append(len(ids))
        return feed(self, language_model, ids, embedded=embedded)

    monkeypatch.setattr(HFCache, "feed", counting)
    _, live = start(model, [[0, 1, 2], [0, 1]])
    assert rows == [4]
    assert live.cache.rows == 10


# --- pixels ------------------------------------------------------------------------------------


def test_pixels_are_those_of_decode_image_tokens(network: JanusForConditionalGeneration) -> None:
    images = JanusImages(network)
    codes = torch.randint(24, (2, 16), generator=torch.Generator().manual_seed(0))
    pictures = images.decode(codes, (4, 4))
    assert pictures.shape == (2, 3, 4 * images.downsample, 4 * images.downsample)
    torch.testing.assert_close(pictures.permute(0, 2, 3, 1), network.decode_image_tokens(codes))
    with pytest.raises(ValueError, match="16 codes do not fill a grid of 3x4"):
        images.decode(codes, (3, 4))


# --- folders -----------------------------------------------------------------------------------


def test_a_folder_becomes_a_pipeline(tmp_path: Path, network: JanusForConditionalGeneration) -> None:
    model, pixels, encode, defaults = load_janus(tiny_hf.save_janus(tmp_path, network))
    assert (model.kept, model.padding, model.grid, model.vocab_size) == ((1, 3), 2, (4, 4), 24)
    assert (defaults.guidance_scale, defaults.sampling) == (5.0, SamplingConfig())
    pipe = ImagePipeline("janus", model, pixels, encode, defaults.guidance_scale, defaults.sampling)
    output = pipe(["a red apple", "dog"], strategy={"name": "best-of-n", "reward": "pmi"}, num_trajectories=3, seed=1)
    assert [image.size for image in output.images] == [(8, 8), (8, 8)]
    assert output.ledger.prefill_rows == 4
    assert output.ledger.tokens == 2 * 3 * 16
    assert pipe.preview(output.results[0].candidates[1]).size == (8, 8)


def test_prompts_are_one_question(tmp_path: Path) -> None:
    _, _, encode, _ = load_janus(tiny_hf.save_janus(tmp_path))
    assert isinstance(encode, JanusPrompts)
    words = encode.tokenizer.get_vocab()
    ids, mask = encode(["  a red apple ", "dog"])
    frame = ["<s>", "<|User|>:", "<|Assistant|>:<begin_of_image>"]
    assert CONVERSATION.format(prompt="dog") == "<|User|>: dog\n\n<|Assistant|>:"
    assert frame[0] == encode.tokenizer.convert_ids_to_tokens(ids[0, :1].tolist())[0]
    assert ids[0, -1] == ids[1, -1] == words["<begin_of_image>"]
    assert ids[1, :2].tolist() == [words["<pad>"]] * 2
    assert mask.sum(1).tolist() == [7, 5]


def test_image_tokenizer_stays_exact_in_half_precision(tmp_path: Path, network: JanusForConditionalGeneration) -> None:
    model, pixels, _, _ = load_janus(tiny_hf.save_janus(tmp_path, network), dtype=torch.bfloat16)
    codes = torch.arange(16)[None] % 24
    assert model.network.model.language_model.dtype == torch.bfloat16
    assert torch.equal(pixels.decode(codes, (4, 4)), JanusImages(network).decode(codes, (4, 4)))
    logits, _ = model.prefill(model.condition(IDS, MASK.bool()), guided=True)
    assert logits.dtype == torch.float32


def damaged(folder: Path, how: str) -> None:
    weights = folder / "model.safetensors"
    if how == "cut":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif how == "gone":
        weights.unlink()
    elif how == "other":
        tiny_hf.change_config(folder, model_type="llama")
    elif how == "no config":
        (folder / "config.json").unlink()
    elif how == "bad config":
        (folder / "config.json").write_text('{"model_type": "ja')
    elif how == "no tokenizer":
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").unlink()
    elif how in ("deeper", "shallower"):
        layers = 3 if how == "deeper" else 1
        text = dict(tiny_hf.TEXT, vocab_size=40, num_hidden_layers=layers, model_type="llama")
        tiny_hf.change_config(folder, text_config=text)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "is cut short or not a safetensors file; copy it again"),
        ("gone", "holds no weights"),
        ("other", "is llama, not janus"),
        ("no config", "holds no config.json that names"),
        ("bad config", "holds no readable config.json"),
        ("no tokenizer", "holds no tokenizer"),
        ("deeper", "lacks 'model.language_model.layers.2"),
        ("shallower", "has 'model.language_model.layers.1.*for which the janus of its config.json has no place"),
    ],
)
def test_damaged_folders(tmp_path: Path, how: str, said: str) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    damaged(folder, how)
    with pytest.raises(WeightsError, match=said) as caught:
        load_janus(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    network = tiny_hf.tiny_janus()
    with torch.no_grad():
        network.model.generation_head.vision_head.weight[3, 4] = torch.nan
    with pytest.raises(WeightsError, match=r"generation_head.vision_head.weight. holds values that are not numbers"):
        load_janus(tiny_hf.save_janus(tmp_path, network))


def test_codes_and_image_tokenizer_must_agree(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    vision = tiny_hf.read_config(folder)["vision_config"]
    tiny_hf.change_config(folder, vision_config={**vision, "num_image_tokens": 9})
    with pytest.raises(WeightsError, match="draws 9 codes, its image tokenizer reads 16; they do not belong"):
        load_janus(folder)


def test_tokens_come_from_the_tokenizer_where_the_config_is_silent(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    (folder / "generation_config.json").write_text("{}")
    model, _, _, defaults = load_janus(folder)
    assert (model.kept, model.padding, defaults.guidance_scale) == ((1, 3), 2, 5.0)


def test_a_tokenizer_without_a_beginning_of_images(tmp_path: Path) -> None:
    folder = tiny_hf.save_janus(tmp_path)
    (folder / "generation_config.json").write_text("{}")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        file = folder / name
        file.write_text(file.read_text().replace("<begin_of_image>", "<b>").replace("boi_token", "other_token"))
    with pytest.raises(WeightsError, match="names no token for begin of image"):
        load_janus(folder)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no readable config"):
        load_janus(tmp_path / "nowhere")
