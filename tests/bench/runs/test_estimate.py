"""What a run takes, worked by hand."""

from typing import Any

import pytest
import torch

from scalingar.bench.runs.estimate import Load, estimate
from scalingar.core.errors import ConfigError
from scalingar.models.infinity.schedules import TEMPLATES
from scalingar.models.options import Choice
from scalingar.models.shape import Shape
from scalingar.pipeline.loading import load
from scalingar.pipeline.loading.shapes import shape_of
from scalingar.strategies.build_strategy import build_strategy

TOKENS = Shape(scales=((4, 4),), next_scale=False, parameters=1000, condition_tokens=4, cached=10)
INFINITY = Shape(scales=TEMPLATES[1.0], next_scale=True, parameters=1000, condition_tokens=0, cached=10)


def test_of_a_next_token_model() -> None:
    load = Load(images=10, shard=4, max_rows=6, workers=2)
    assert load.shards == 3
    told = estimate(
        build_strategy({"name": "best-of-n", "num_trajectories": 3, "reward": "confidence"}),
        TOKENS,
        load,
        dtype=torch.bfloat16,
        guidance_scale=2.0,
    )
    assert (told.trajectories, told.tokens, told.rows) == (30, 30 * 16, 6)
    assert told.steps == (2 + 2 + 1) * 16, "two shards of 12 trajectories, one of 6, 6 at once"
    assert told.cache == 6 * (10 * (4 + 16) * 2) * 2
    assert told.worker_hours(3.6e6 / 80) == pytest.approx(1.0)
    assert told.hours(3.6e6 / 80, load) == pytest.approx(2 / 3), "one of two workers has two of three shards"


def test_a_third_branch_has_a_cache_of_its_own() -> None:
    load, strategy = Load(images=1, shard=1, max_rows=4, workers=1), {"name": "gridar", "reward": "confidence"}
    two, three = (
        estimate(build_strategy(settings), TOKENS, load, dtype=torch.bfloat16, guidance_scale=2.0)
        for settings in (strategy, {**strategy, "rewrite": "layout"})
    )
    assert 2 * three.cache == 3 * two.cache
    assert three.tokens == two.tokens
    with pytest.raises(ConfigError, match="guides with a second prompt"):
        estimate(
            build_strategy({**strategy, "rewrite": "layout"}), TOKENS, load, dtype=torch.bfloat16, guidance_scale=1.0
        )


def test_a_schedule_is_known_beforehand() -> None:
    """14 656 tokens are what the ledger of TTS-VAR said on Infinity's scales."""
    strategy = build_strategy({"name": "tts-var", "num_trajectories": 1, "reward": "embedded"})
    load = Load(images=2, shard=2, max_rows=4, workers=1)
    told = estimate(strategy, INFINITY, load, dtype=torch.float32, guidance_scale=1.0)
    assert (told.trajectories, told.tokens, told.rows) == (16, 2 * 14_656, 8), "an image alone has 8"
    assert told.cache == 8 * 10 * 10_521 * 4
    assert told.steps == 13, "in whole trajectories 2.8, which fit into 8 rows"
    with pytest.raises(ConfigError, match="is for next-scale models"):
        estimate(strategy, TOKENS, load, dtype=torch.float32, guidance_scale=1.0)


@pytest.mark.parametrize(
    ("name", "tokens", "steps", "billions"),
    [
        ("FoundationVision/LlamaGen:t2i-xl-256", 256, 256, 0.8),
        ("FoundationVision/LlamaGen:c2i-b-384", 576, 576, 0.11),
        ("FoundationVision/Infinity:2b-1024", 10521, 13, 2.2),
        ("FoundationVision/var:d16", 680, 10, 0.31),
        ("FoundationVision/var:d36", 2240, 10, 2.35),
    ],
)
def test_published_sizes(name: str, tokens: int, steps: int, billions: float) -> None:
    shape = shape_of(Choice(name=name, device="cpu", dtype=torch.bfloat16, options={}))
    assert (shape.tokens, shape.steps) == (tokens, steps)
    assert shape.parameters / 1e9 == pytest.approx(billions, rel=0.1)


@pytest.mark.parametrize(("name", "tokens", "steps"), [("embedded", 144, 144), ("embedded-next-scale", 448, 10)])
def test_sizes_of_a_model_folder_are_those_of_its_network(name: str, tokens: int, steps: int) -> None:
    choice = Choice(name=name, device="cpu", dtype=torch.float32, options={})
    shape = shape_of(choice)
    assert (shape.tokens, shape.steps) == (tokens, steps)
    assert shape.parameters == sum(parameter.numel() for parameter in load(choice).model.parameters())


@pytest.mark.parametrize("name", ["nowhere", "deepseek-ai/Janus-Pro-1B"])
def test_sizes_that_are_not_known(name: str) -> None:
    with pytest.raises(ConfigError, match="are not known without its weights"):
        shape_of(Choice(name=name, device="cpu", dtype=torch.float32, options={}))


@pytest.mark.parametrize(
    "settings",
    [{"name": "stop-when-good", "rule": {"wave": 2, "patience": 1}}, {"name": "allocate", "rule": {"first": 2}}],
)
def test_what_is_drawn_in_waves_is_not_alive_at_once(settings: dict[str, Any]) -> None:
    strategy = build_strategy({**settings, "num_trajectories": 8, "reward": "confidence"})
    load = Load(images=1, shard=1, max_rows=16, workers=1)
    told = estimate(strategy, TOKENS, load, dtype=torch.float32, guidance_scale=2.0)
    assert (told.trajectories, told.tokens, told.rows) == (8, 8 * 16, 2)


@pytest.mark.parametrize("name", ["lookahead", "scale-beam"])
def test_what_is_begun_again_from_prefixes_counts(name: str) -> None:
    """16 codes, checks at 4 and 12: what is begun there again is 12 and 4 codes long."""
    settings = {"name": name, "num_trajectories": 2, "checks": [0.25, 0.75], "reward": "confidence"}
    load = Load(images=3, shard=4, max_rows=6, workers=1)
    told = estimate(build_strategy(settings), TOKENS, load, dtype=torch.bfloat16, guidance_scale=2.0)
    assert (told.trajectories, told.tokens) == (6, 3 * 2 * (16 + 12 + 4))


def test_draws_of_one_scale_count_once() -> None:
    load = Load(images=1, shard=1, max_rows=6, workers=1)
    strategy = build_strategy({"name": "density", "num_trajectories": 50, "scale": 1})
    told = estimate(strategy, INFINITY, load, dtype=torch.bfloat16, guidance_scale=2.0)
    height, width = TEMPLATES[1.0][1]
    assert told.tokens == INFINITY.tokens + 49 * height * width
