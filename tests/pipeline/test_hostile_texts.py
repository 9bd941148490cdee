"""Recipes and pictures of strangers: whatever they hold is followed, or refused with one short sentence, at once."""

import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scalingar.core.errors import ScalingarError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.pipeline.png import KEY, RecipeInfo, read_recipe
from scalingar.pipeline.recipe import Recipe, parse_overrides
from scalingar.strategies import BestOfN

RECIPE = Recipe(
    prompt="a dog", seed=3, sampling=SamplingConfig(top_k=5), strategy=BestOfN(num_trajectories=3), noise="host"
)
INFO = RecipeInfo(recipe=RECIPE, image=0, trajectory=1, weights={"a": "b"}, version="0.1.0", torch="2.6.0", threads=1)
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**9,
    10**400,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "x" * 300,
    "\x1b[2J",
    "python:os.system",
    "16:9",
    "/dev/null",
    [],
    [[[]]],
    {},
    {"name": "single"},
    {"\x1b[2J": 1},
    list(range(1000)),
)
WORDS = (
    "&a ",
    "*a",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "\n",
    "- ",
    "!!python/name:os.system",
    "<<",
    "'",
    '"',
    "#",
    "|",
    "~",
    "\t",
    "%",
    "@",
    "\x00",
    "\ud800",
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to all values inside of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, below in inner for found in places(below, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def spoiled(text: str, noise: random.Random) -> str:
    """A text with a few letters cut, doubled or replaced."""
    for _ in range(noise.randrange(1, 4)):
        start = noise.randrange(len(text) + 1)
        end = min(len(text), start + noise.choice((0, 1, 5, 50)))
        text = text[:start] + noise.choice(("", *WORDS, text[start:end] * 2)) + text[end:]
    return text


def sentence(error: ScalingarError) -> None:
    assert len(str(error)) < 1500
    assert "Traceback" not in str(error)


def picture(path: Path, text: str, *, packed: bool = False) -> Path:
    chunks = PngInfo()
    chunks.add_text(KEY, text, zip=packed)
    Image.new("RGB", (2, 2)).save(path, pnginfo=chunks)
    return path


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_any_value_at_any_place(value: Any, tmp_path: Path) -> None:
    whole = RECIPE.to_dict()
    for path in places(whole):
        data = changed(whole, path, value)
        try:
            recipe = Recipe.from_dict(data) if isinstance(data, dict) else None
        except ScalingarError as error:
            sentence(error)
            continue
        if recipe is not None:
            assert Recipe.from_dict(recipe.to_dict()) == recipe, path


@pytest.mark.parametrize("seed", range(60))
def test_spoiled_recipes(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(spoiled(RECIPE.to_yaml(), random.Random(seed)), "utf-8", errors="replace")
    try:
        Recipe.from_yaml(path)
    except ScalingarError as error:
        sentence(error)


@pytest.mark.parametrize("seed", range(60))
def test_spoiled_overrides(seed: int) -> None:
    noise = random.Random(seed)
    names = (
        "seed",
        "strategy",
        "strategy.name",
        "strategy.preset",
        "strategy.gate.quantile",
        "sampling",
        "model",
        "prompt",
    )
    words = [f"{noise.choice(names)}={spoiled('{a: [1, x]}', noise)}" for _ in range(3)]
    try:
        RECIPE.with_values(parse_overrides(words))
    except ScalingarError as error:
        sentence(error)


@pytest.mark.parametrize("seed", range(60))
def test_spoiled_pictures(seed: int, tmp_path: Path) -> None:
    noise = random.Random(seed)
    data = INFO.model_dump(mode="json")
    text = json.dumps(changed(data, noise.choice(places(data)), noise.choice(ODD)))
    path = picture(tmp_path / "a.png", spoiled(text, noise).replace("\ud800", "") if seed % 2 else text)
    if seed % 3 == 0:
        content = bytearray(path.read_bytes())
        content[noise.randrange(len(content))] ^= 1 << noise.randrange(8)
        path.write_bytes(content)
    try:
        info = read_recipe(path)
    except ScalingarError as error:
        sentence(error)
    else:
        assert info.image < info.recipe.num_images_per_prompt
        assert info.threads <= 1024


def test_bounds_of_pictures(tmp_path: Path) -> None:
    data = INFO.model_dump(mode="json")
    for name, value in (("image", 1), ("threads", 2**31), ("threads", 5000), ("trajectory", -1)):
        with pytest.raises(ScalingarError, match="cannot"):
            read_recipe(picture(tmp_path / "a.png", json.dumps({**data, name: value})))
    with pytest.raises(ScalingarError, match="is damaged"):
        read_recipe(picture(tmp_path / "a.png", "[" * 100_000))
    with pytest.raises(ScalingarError, match="cannot read"):
        read_recipe(picture(tmp_path / "a.png", " " * 3_000_000, packed=True))


def test_a_picture_too_large_to_be_one_is_refused(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", "{}")
    content = bytearray(path.read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(ScalingarError, match="cannot read"):
        read_recipe(path)
