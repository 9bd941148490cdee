from pathlib import Path

import numpy as np
import torch

from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQTokenizer
from training.checkpoint import Checkpoint
from training.generators.tokenizer import CONFIG as TOKENIZER
from training.generators.transformer import CONFIG, CROP, TEXT_SLOTS, crops, initialise, loss_of, window, word_ids
from training.world.scenes import GRID, Scene, SceneObject


def test_words_stand_next_to_the_image() -> None:
    ids = word_ids("a photo of a red apple left of a dog")
    assert len(ids) == TEXT_SLOTS
    assert [TERMINALS[i] for i in ids] == [""] * 4 + ["red", "apple", "left of", "dog"]


def test_crops_hold_one_whole_object_and_nothing_of_another() -> None:
    near = Scene("two_object", "", (SceneObject("dog", None, 0, 0), SceneObject("cat", "red", 0, 5)), 0)
    far = Scene("two_object", "", (SceneObject("dog", None, 0, 0), SceneObject("cat", "red", 7, 7)), 0)
    codes = torch.arange(GRID * GRID).repeat(2, 1)
    words, windows = crops([near, far], codes)
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


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "folder" / "state.pt")
    assert checkpoint.load() is None
    checkpoint.save({"step": 3, "model": {"w": torch.ones(2)}})
    (tmp_path / "folder" / "state.partial").write_bytes(b"torn")
    loaded = checkpoint.load()
    assert loaded is not None
    assert loaded["step"] == 3
