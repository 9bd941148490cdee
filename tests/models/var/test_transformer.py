"""VAR's transformer; parity with the official code is in ``tests/doctor/test_var.py``."""

import pytest
import torch
from torch import Tensor

from scalingar.core.errors import DecodingError, PromptError
from scalingar.decoding.teacher_forcing import latents, teacher_features
from scalingar.models.scales.scale_cache import ScaleCache
from scalingar.models.var.config import VARConfig
from scalingar.models.var.transformer import VAR
from tests.tiny import var as tiny_var

TOKENIZER = tiny_var.tiny_tokenizer()
LABELS = torch.tensor([3, 0, 4])
WORDS = torch.tensor([[1, 2, 3, 0], [6, 0, 5, 0], [2, 2, 2, 4]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 1]]).bool()


def codes(n: int = 3, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 12, (n, side * side, 1), generator=generator) for side in tiny_var.SIDES]


def variants() -> list[VARConfig]:
    base, words = tiny_var.CLASS_CONFIG, tiny_var.WORDS_CONFIG
    return [
        base,
        base.model_copy(update={"shared_modulation": True}),
        base.model_copy(update={"normalised_attention": False}),
        words,
        words.model_copy(update={"word_layers": 0, "shared_modulation": True}),
    ]


def inputs(model: VAR) -> tuple[Tensor, Tensor | None]:
    return (LABELS, None) if model.config.condition == "class" else (WORDS, MASK)


def taught(model: VAR, cache: ScaleCache, given: list[Tensor], scales: range) -> list[Tensor]:
    """Logits of the given scales along given codes."""
    sums = latents(TOKENIZER, given)
    return [model.step(TOKENIZER.features(sums[k - 1], k) if k else None, k, cache) for k in scales]


@pytest.mark.parametrize("config", variants())
@torch.inference_mode()
def test_full_sequence_equals_scale_by_scale(config: VARConfig) -> None:
    """And the null branch equals a run whose condition is the null label or word."""
    model = tiny_var.tiny_var(config)
    given = codes()
    prompts, mask = inputs(model)
    cache = model.prefill(model.condition(prompts, mask), guided=True)
    steps = torch.cat(taught(model, cache, given, range(3)), 1)
    features = teacher_features(TOKENIZER, given)
    dropped = torch.full_like(prompts, config.condition_vocab)
    full = torch.cat([model(prompts, features, mask), model(dropped, features, mask)])
    assert steps.shape == (6, 21, 1, 12)
    torch.testing.assert_close(steps, full, rtol=0, atol=2e-5)
    assert (steps[:3] - steps[3:]).abs().max() > 0.1


@torch.inference_mode()
def test_a_shorter_lesson_is_the_beginning_of_the_whole() -> None:
    model = tiny_var.tiny_var()
    ends = model.config.ends
    features = torch.randn(len(LABELS), ends[-1] - 1, 4, generator=torch.Generator().manual_seed(0))
    whole = model(LABELS, features)
    for tokens in ends[:-1]:
        assert torch.allclose(model(LABELS, features[:, : tokens - 1]), whole[:, :tokens], atol=1e-5)


@pytest.mark.parametrize("config", [tiny_var.CLASS_CONFIG, tiny_var.WORDS_CONFIG])
@torch.inference_mode()
def test_a_selected_row_goes_on_as_if_alone(config: VARConfig) -> None:
    """Rows of several prompts share a batch; they may repeat, leave, and keep their own past and prompt."""
    model = tiny_var.tiny_var(config)
    given = codes()
    prompts, mask = inputs(model)
    cache = model.prefill(model.condition(prompts, mask), guided=True)
    taught(model, cache, given, range(2))
    rows = torch.tensor([2, 0, 2, 0])
    cache = cache.select(torch.cat([rows, rows + 3]))
    later = [scale[rows] for scale in given]
    together = taught(model, cache, later, range(2, 3))[0]
    for place, row in enumerate(rows.tolist()):
        own = model.condition(prompts[row : row + 1], None if mask is None else mask[row : row + 1])
        alone = model.prefill(own, guided=True)
        expected = taught(model, alone, [scale[row : row + 1] for scale in given], range(3))[-1]
        torch.testing.assert_close(together[[place, place + 4]], expected, rtol=0, atol=2e-5)


@torch.inference_mode()
def test_candidates_before_the_first_scale() -> None:
    """Rows can be multiplied while the cache is still empty."""
    model = tiny_var.tiny_var()
    condition = model.condition(LABELS)
    one = model.step(None, 0, model.prefill(condition, guided=False))
    many = model.step(None, 0, model.prefill(condition, guided=False).select(torch.tensor([1, 1, 2])))
    torch.testing.assert_close(many, one[[1, 1, 2]], rtol=0, atol=1e-6)


@torch.inference_mode()
def test_masked_words_say_nothing_and_order_says_something() -> None:
    model = tiny_var.tiny_var(tiny_var.WORDS_CONFIG)

    def first(words: list[int]) -> Tensor:
        mask = torch.tensor([[1, 1, 1, 0]]).bool()
        return model.step(None, 0, model.prefill(model.condition(torch.tensor([words]), mask), guided=False))

    torch.testing.assert_close(first([1, 2, 3, 0]), first([1, 2, 3, 6]), rtol=0, atol=1e-6)
    assert (first([1, 2, 3, 0]) - first([3, 2, 1, 0])).abs().max() > 1e-3


def test_words_reach_the_loss() -> None:
    """Every weight learns: none of the word-conditioned variant's is left out of the full pass."""
    model = tiny_var.tiny_var(tiny_var.WORDS_CONFIG)
    model(WORDS, teacher_features(TOKENIZER, codes()).detach(), MASK).square().mean().backward()
    still = [name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


def test_guidance_grows_with_the_scale() -> None:
    """cfg 4 of the official code is 5 here: (1 + t) c − t u with t = 4k/(S − 1)."""
    model = tiny_var.tiny_var()
    assert [model.guidance_at(k, 5.0) for k in range(3)] == [1.0, 3.0, 5.0]
    assert [model.guidance_at(k, 1.0) for k in range(3)] == [1.0, 1.0, 1.0]
    flat = tiny_var.tiny_var(tiny_var.CLASS_CONFIG.model_copy(update={"guidance_ramp": False}))
    assert flat.guidance_at(0, 5.0) == 5.0


def test_published_sizes() -> None:
    with torch.device("meta"):
        d16 = VAR(VARConfig.published("d16"))
        d36 = VARConfig.published("d36")
    assert sum(p.numel() for p in d16.parameters()) / 1e6 == pytest.approx(310, abs=1)
    assert d16.config.ends[-1] == 680
    assert (d36.dim, d36.heads, d36.ends[-1], d36.shared_modulation) == (2304, 36, 2240, True)
    shapes = {key: tuple(tensor.shape) for key, tensor in d16.state_dict().items()}
    assert shapes["pos_1LC"] == (1, 680, 1024)
    assert shapes["class_emb.weight"] == (1001, 1024)
    assert shapes["blocks.15.ada_lin.1.weight"] == (6144, 1024)


@torch.inference_mode()
def test_misuse_is_refused() -> None:
    model = tiny_var.tiny_var()
    cache = model.prefill(model.condition(LABELS), guided=False)
    with pytest.raises(DecodingError, match="holds 0 tokens; scale 1 comes after 1"):
        model.step(torch.zeros(3, 4, 4), 1, cache)
    with pytest.raises(DecodingError, match="scale 0 was given features"):
        model.step(torch.zeros(3, 1, 4), 0, cache)
    model.step(None, 0, cache)
    with pytest.raises(DecodingError, match="scale 1 was given no features"):
        model.step(None, 1, cache)
    with pytest.raises(DecodingError, match="features of 2 images with 4 tokens do not fit scale 1"):
        model.step(torch.zeros(2, 4, 4), 1, cache)
    with pytest.raises(DecodingError, match="features of 2 tokens do not end with a scale"):
        model(LABELS, torch.zeros(3, 2, 4))
    with pytest.raises(PromptError, match="label 9 is unknown; this model knows 0 to 4"):
        model.condition(torch.tensor([1, 9]))
    words = tiny_var.tiny_var(tiny_var.WORDS_CONFIG)
    with pytest.raises(PromptError, match="a prompt has 5 words, this model reads 4"):
        words.condition(torch.zeros(1, 5, dtype=torch.long))
    with pytest.raises(PromptError, match="no words"):
        words.condition(torch.zeros(1, 4, dtype=torch.long), torch.zeros(1, 4).bool())
