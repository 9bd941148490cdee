import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQTokenizer
from tests.training.kills import killed
from training.generators import transformer
from training.generators.tokenizer import CONFIG as TOKENIZER
from training.generators.transformer import (
    CONFIG,
    CROP,
    TEXT_SLOTS,
    crops,
    drop_condition,
    initialise,
    loss_of,
    window,
    word_ids,
)
from training.weights import trained
from training.world.scenes import GRID, Scene, SceneObject, Sprites


def test_words_stand_next_to_the_image() -> None:
    ids = word_ids("a photo of a red apple left of a dog")
    assert len(ids) == TEXT_SLOTS
    assert [TERMINALS[i] for i in ids] == [""] * 4 + ["red", "apple", "left of", "dog"]


def test_crops_hold_one_whole_object_and_nothing_of_another() -> None:
    near = Scene("two_object", "", (SceneObject("dog", None, 0, 0), SceneObject("cat", "red", 0, 5)), 0)
    far = Scene("two_object", "", (SceneObject("dog", None, 0, 0), SceneObject("cat", "red", 7, 7)), 0)
    codes = torch.arange(GRID * GRID).repeat(2, 1)
    words, windows = crops([near, far], codes, np.random.default_rng(2))
    assert [[TERMINALS[i] for i in row if i] for row in words[-2:]] == [["dog"], ["red", "cat"]]
    first = windows[-2].view(CROP, CROP)
    assert int(first[0, 0]) == 0, "the corner object's window cannot begin before the canvas"
    last = windows[-1].view(CROP, CROP)
    row, column = divmod(int(last[0, 0]), GRID)
    assert row in (6, 7)
    assert column in (6, 7)
    assert all(len(window) == CROP * CROP for window in windows)


def test_windows_stay_on_the_grid() -> None:
    corners = set()
    for step in range(200):
        cells = window(step).view(CROP, CROP)
        assert torch.equal(cells[0], torch.arange(CROP) + cells[0, 0])
        assert torch.equal(cells[:, 0], torch.arange(CROP) * GRID + cells[0, 0])
        assert int(cells.max()) < GRID * GRID
        corners.add(int(cells[0, 0]))
    assert len(corners) > 30


def test_untrained_loss_is_uniform_and_cells_matter() -> None:
    torch.manual_seed(0)
    model = LlamaGen(CONFIG.model_copy(update={"layers": 1}))
    initialise(model)
    rng = np.random.default_rng(0)
    words = torch.tensor([word_ids("a dog")])
    codes = torch.from_numpy(rng.integers(0, CONFIG.vocab_size, (1, CROP * CROP)))
    loss = loss_of(model, model, (words, codes, window(0)), 0)
    assert abs(loss.item() - np.log(CONFIG.vocab_size)) < 1e-4
    torch.nn.init.normal_(model.output.weight, std=0.2)
    first, second = (loss_of(model, model, (words, codes, window(s)), 0) for s in (0, 1))
    assert first.item() != second.item()


def test_model_files_stay_within_their_sizes() -> None:
    parameters = {
        kind: sum(p.numel() for p in kind.parameters()) for kind in (LlamaGen(CONFIG), VQTokenizer(TOKENIZER))
    }
    limits = (25e6, 10e6)
    for count, limit in zip(parameters.values(), limits, strict=True):
        assert 2 * count < limit, "bf16 bytes"


def test_every_chunk_places_its_crops_otherwise(
    sprites: Sprites, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tokenizer:
        def encode(self, images: torch.Tensor) -> torch.Tensor:
            return torch.arange(GRID * GRID).repeat(len(images), 1)

    scene = Scene("single_object", "a photo of a dog", (SceneObject("dog", None, 3, 3),), 0)
    monkeypatch.setattr(transformer, "CHUNK", 16)
    monkeypatch.setattr(transformer, "sample_scene", lambda rng: scene)
    monkeypatch.setattr(transformer, "load_tokenizer", lambda work_dir: Tokenizer())
    first, second, again = (
        transformer.chunk(folder, number, 1, sprites, cropped=True)[1][:, 0].tolist()
        for folder, number in ((tmp_path, 0), (tmp_path, 1), (tmp_path / "again", 1))
    )
    assert first != second == again
    assert set(first + second) <= {GRID * row + column for row in (2, 3) for column in (2, 3)}


def test_a_tenth_loses_its_words_and_another_one_at_each_step() -> None:
    words = torch.ones(2000, 2, dtype=torch.long)
    first, same, other = (drop_condition(words, 7, step) for step in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    dropped = (first == 7).all(1)
    assert torch.equal(first, torch.where(dropped[:, None], 7, words))
    assert 0.07 < float(dropped.float().mean()) < 0.13


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer, and scenes of random codes."""
    codes = torch.randint(CONFIG.vocab_size, (8, GRID * GRID), generator=torch.Generator().manual_seed(0))
    words = torch.ones(8, TEXT_SLOTS, dtype=torch.long)
    config = CONFIG.model_copy(update={"layers": 1, "heads": 2, "dim": 16, "hidden": 16})
    monkeypatch.setattr(transformer, "CONFIG", config)
    monkeypatch.setattr(transformer, "load_tokenizer", lambda work_dir: None)
    monkeypatch.setattr(transformer, "chunk", lambda *args, **kwargs: (words, codes))
    monkeypatch.setattr(transformer, "Sprites", lambda path: None)
    monkeypatch.setattr(transformer, "sheet", lambda *args: None)


def test_weights_of_the_last_step_are_written_after_a_kill_too(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = argparse.Namespace(
        work_dir=tmp_path,
        steps=1,
        batch=2,
        crop_steps=0,
        crop_batch=2,
        chunks=1,
        lr=1e-3,
        seed=1,
        report_every=100,
        compile=False,
    )
    with monkeypatch.context() as patched:
        patched.setattr(transformer, "report", killed)
        with pytest.raises(KeyboardInterrupt):
            transformer.train(args)
    transformer.train(args)
    assert trained(tmp_path, "transformer")["step"] == 1
