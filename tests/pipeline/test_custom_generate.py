"""A strategy inside transformers' generate: same arguments, same kind of output."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Emu3ForConditionalGeneration, LlamaConfig, LlamaForCausalLM

from scalingar.core.errors import ConfigError
from scalingar.pipeline.custom_generate import generate_image
from scalingar.pipeline.output import ImageOutput
from scalingar.strategies.build_strategy import build_strategy
from tests.models.hf.test_emu3 import GRID, IDS, MASK, NEGATIVE, official
from tests.tiny import hf as tiny_hf

SIZES = [list(GRID)] * 2


@pytest.fixture(scope="module")
def network() -> Emu3ForConditionalGeneration:
    return tiny_hf.tiny_emu3()


def negative(rows: int = 2) -> dict[str, Tensor]:
    return {
        "negative_prompt_ids": NEGATIVE.expand(rows, -1),
        "negative_prompt_attention_mask": torch.ones(rows, NEGATIVE.shape[1], dtype=torch.long),
    }


def generate(network: Any, **settings: Any) -> Any:
    given: dict[str, Any] = {"attention_mask": MASK, "image_sizes": SIZES, "strategy": "single"}
    given |= {"do_sample": False, "max_new_tokens": 21}
    return network.generate(IDS, custom_generate=generate_image, **{**given, **settings})


@pytest.mark.parametrize("scale", [3.0, 1.0])
def test_one_greedy_trajectory_is_what_generate_gives(network: Emu3ForConditionalGeneration, scale: float) -> None:
    sequences = generate(network, guidance_scale=scale, **negative())
    expected = official(network, [0, 1], guidance_scale=scale, **negative())
    assert torch.equal(sequences[:, : IDS.shape[1]], IDS)
    assert torch.equal(sequences[:, IDS.shape[1] :], expected)


def test_padded_negative_prompts(network: Emu3ForConditionalGeneration) -> None:
    ids = torch.cat([NEGATIVE, torch.tensor([[25, 25, 25, 25, 24, 1, 2, 27, 28]])])
    mask = (torch.arange(9) >= torch.tensor([[0], [4]])).long()
    settings = {"guidance_scale": 3.0, "negative_prompt_ids": ids, "negative_prompt_attention_mask": mask}
    drawn = generate(network, **settings)[:, IDS.shape[1] :]
    assert torch.equal(drawn, official(network, [0, 1], **settings))


def test_a_second_prompt_is_not_among_what_was_prepared(network: Emu3ForConditionalGeneration) -> None:
    strategy = build_strategy(
        {"name": "gridar", "num_trajectories": 2, "reward": "confidence", "rewrite": "text:a dog"}
    )
    with pytest.raises(ConfigError, match="a second prompt needs the pipeline"):
        generate(network, strategy=strategy, guidance_scale=3.0, **negative())


def test_a_strategy_picks_among_trajectories(network: Emu3ForConditionalGeneration) -> None:
    results: list[ImageOutput] = []
    output = generate(
        network,
        strategy="scaling-ar",
        num_trajectories=4,
        num_return_sequences=2,
        do_sample=True,
        seed=3,
        prompts=["a red apple", "dog"],
        on_result=results.append,
        return_dict_in_generate=True,
        guidance_scale=3.0,
        **negative(),
    )
    (result,) = results
    assert output.sequences.shape == (4, IDS.shape[1] + 3 * 6 + 3)
    assert [(r.prompt, r.seed) for r in result.results] == [
        ("a red apple", 3), ("a red apple", 4), ("dog", 3), ("dog", 4),
    ]  # fmt: skip
    assert [len(r.candidates) for r in result.results] == [4] * 4
    words = output.sequences[:, IDS.shape[1] : -3].unflatten(1, (3, 6))[:, :, :-1].flatten(1)
    for row, chosen in zip(words, result.results, strict=True):
        assert torch.equal(row - 30, chosen.best.codes)
    pictures = network.decode_image_tokens(image_tokens=output.sequences[:, IDS.shape[1] :], height=3, width=5)
    assert pictures.shape == (4, 3, 6, 10)


def test_the_seed_decides(network: Emu3ForConditionalGeneration) -> None:
    one, same, other = (generate(network, do_sample=True, guidance_scale=1.5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_sampling_is_that_of_the_generation_config(network: Emu3ForConditionalGeneration) -> None:
    only_best = generate(network, do_sample=True, top_k=1, guidance_scale=3.0)
    assert torch.equal(only_best, generate(network, guidance_scale=3.0))
    assert not torch.equal(only_best, generate(network, do_sample=True, top_k=20, guidance_scale=3.0))


def test_global_randomness_is_left_alone(network: Emu3ForConditionalGeneration) -> None:
    before = torch.random.get_rng_state()
    generate(network, do_sample=True)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"image_sizes": [[3, 5], [5, 3]]}, "generate images of one size together"),
        ({"repetition_penalty": 1.5}, "RepetitionPenaltyLogitsProcessor has no meaning"),
        ({"max_time": 1.0}, "MaxTimeCriteria has no meaning"),
        ({"guidance_scale": 3.0, **negative(3)}, "3 negative prompts for 2 prompts"),
    ],
    ids=["sizes", "processor", "criterion", "negative"],
)
def test_what_has_no_meaning_is_refused(
    network: Emu3ForConditionalGeneration, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        generate(network, **settings)


def test_other_models_are_refused() -> None:
    sizes = {name: tiny_hf.TEXT[name] for name in ("hidden_size", "intermediate_size", "num_hidden_layers")}
    other = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=4, vocab_size=90))
    with pytest.raises(ConfigError, match="with Emu3 only, not with LlamaForCausalLM"):
        generate(other)
