"""Damaged and malicious weight files, made at random from fixed seeds, end in one sentence or load as they are."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.model_folder import PIPELINE, TOKENIZER, TRANSFORMER
from scalingar.models.options import Choice
from scalingar.pipeline.loading import load
from tests.models.test_families import SAMPLES
from tests.models.test_model_folder import CONFIG, INFO, VAR_FAMILY
from tests.tiny.package import save_tiny_package
from tests.tiny.var import tiny_tokenizer, tiny_var

HOSTILE: tuple[Any, ...] = (
    0, 1, -1, 3, 7, 2**20, 10**9, 10**30, 0.5, -0.0, 1e-300, 1e308, float("nan"), float("inf"), True, None, "", "x",
    "1" * 5000, [], [0], [-1], [1] * 3, [10**9] * 2, [[1]], [1] * 10_000, {}, {"a": {}},
)  # fmt: skip
"""Values that a setting does not expect."""


def save_scales(folder: Path) -> None:
    VAR_FAMILY.save(folder, INFO, tiny_var(CONFIG), tiny_tokenizer(), torch.float32)


def loaded_or_refused(folder: Path, **options: Any) -> bool:
    """Whether it loads; whatever is raised is a sentence of this package."""
    try:
        load(Choice(name=folder, options=options))
    except (WeightsError, ConfigError) as error:
        message = str(error)
        assert "\n" not in message
        assert len(message) < 1500
        return False
    return True


@pytest.fixture(scope="module", params=[save_tiny_package, save_scales], ids=["next-token", "next-scale"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with its own description."""
    folder = tmp_path_factory.mktemp("model")
    request.param(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def content(file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(file, "pt") as opened:
        return opened.metadata(), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


@pytest.mark.parametrize("file", [TRANSFORMER, TOKENIZER])
def test_settings_in_the_header(folder: Path, file: str) -> None:
    rng = random.Random(0)
    told, weights = content(folder / file)
    settings = json.loads(told["config"])
    for name in settings:
        for value in rng.sample(HOSTILE, 5):
            save_file(weights, folder / file, {**told, "config": json.dumps({**settings, name: value})})
            loaded_or_refused(folder)


def test_settings_in_the_description(folder: Path) -> None:
    rng = random.Random(1)
    told = json.loads((folder / PIPELINE).read_text())
    for name in told:
        for value in rng.sample(HOSTILE, 6):
            (folder / PIPELINE).write_text(json.dumps({**told, name: value}))
            loaded_or_refused(folder)


@pytest.mark.parametrize("file", [TRANSFORMER, TOKENIZER, PIPELINE])
def test_bytes_of_the_header(folder: Path, file: str) -> None:
    """Bytes are changed, cut out and put in."""
    rng = random.Random(2)
    whole = (folder / file).read_bytes()
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(min(len(damaged), 3000))
            damaged[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        (folder / file).write_bytes(damaged)
        loaded_or_refused(folder)


def shaken(weights: dict[str, Tensor], rng: random.Random) -> dict[str, Tensor]:
    """One tensor lost, renamed, cast, reshaped or emptied."""
    name = rng.choice(sorted(weights))
    tensor = weights.pop(name)
    changes: list[Callable[[Tensor], Tensor]] = [
        lambda t: t[:0], lambda t: t.flatten(), lambda t: t[None], lambda t: t.sum(), lambda t: t.to(torch.int8),
        lambda t: t.to(torch.complex64), lambda t: t.double(), lambda t: t * torch.nan, lambda t: torch.cat([t, t]),
        lambda t: t.flatten()[:1].expand(2**40), lambda t: t.transpose(0, -1) if t.ndim else t, lambda t: t > 0,
    ]  # fmt: skip
    names = [
        name,
        name,
        name,
        f"{name}.x",
        f"layers.999999999.{name}",
        f"blocks.{'9' * 400}.x",
        f"module.{name}",
        "\n",
        "",
    ]
    if rng.random() < 0.85:
        weights[rng.choice(names)] = rng.choice([lambda t: t, *changes])(tensor)
    return weights


@pytest.mark.parametrize("family", ["infinity", "llamagen", "var"])
def test_tensors_of_published_files(family: str, tmp_path: Path) -> None:
    save, options, _ = SAMPLES[family]
    save(tmp_path)
    rng = random.Random(3)
    files = sorted(file for file in tmp_path.iterdir() if file.suffix in (".pt", ".pth"))
    for file in files:
        whole = file.read_bytes()
        told = torch.load(file, weights_only=True)
        keys = [key for key in told if isinstance(told[key], dict)]
        for _ in range(6):
            inner = {key: shaken(dict(told[key]), rng) for key in keys} or shaken(dict(told), rng)
            torch.save({**told, **inner} if keys else inner, file)
            loaded_or_refused(tmp_path, **options)
        file.write_bytes(whole)


@pytest.mark.parametrize("zipped", [True, False])
def test_bytes_of_a_pickle(tmp_path: Path, zipped: bool) -> None:
    save, options, _ = SAMPLES["llamagen"]
    save(tmp_path)
    file = next(file for file in tmp_path.iterdir() if file.name.startswith("c2i"))
    torch.save(torch.load(file, weights_only=True), file, _use_new_zipfile_serialization=zipped)
    whole, rng = file.read_bytes(), random.Random(4)
    for _ in range(30):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            # Where the pickle is, and what is behind the last tensor.
            place = rng.randrange(3000) if rng.random() < 0.8 else len(damaged) - rng.randrange(1, 1500)
            damaged[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 2))
        file.write_bytes(damaged)
        loaded_or_refused(tmp_path, **options)
