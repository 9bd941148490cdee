"""Verifiers in folders: the same bytes for the same content, and one sentence on each that does not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from scalingar.core.errors import ConfigError, ScalingarError, WeightsError
from scalingar.rewards.verifiers import Verifier, head_hash
from tests.tiny.pipes import PROMPT, tiny_pipe
from tests.tiny.verifiers import random_verifier, retrain


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    made = random_verifier(5, 4)
    made.save(tmp_path / "one")
    read = Verifier.load(tmp_path / "one")
    assert read.info == made.info
    states = torch.randn(2, 5)
    readings = [verifier.begin(2, "") for verifier in (made, read)]
    for reading in readings:
        reading.read(states, torch.tensor([0, 0]))
    assert torch.equal(*(reading.values(torch.zeros(2, dtype=torch.long), list) for reading in readings))
    read.save(tmp_path / "two")
    for name in ("head.safetensors", "verifier.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_another_version_another_file_and_none(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no verifier"):
        Verifier.load(tmp_path)
    random_verifier(5, 4).save(tmp_path)
    path = tmp_path / "verifier.json"
    told = json.loads(path.read_text())
    for text, message in (
        (json.dumps({**told, "version": 7}), "is of version 7, and this is version 1"),
        ("[]", "is of version None"),
        ("{", "cannot be read"),
        (json.dumps({**told, "label": 5}), "is damaged: label"),
    ):
        path.write_text(text)
        with pytest.raises(WeightsError, match=message):
            Verifier.load(tmp_path)
    path.write_text(json.dumps(told))
    (tmp_path / "head.safetensors").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="truncated or not safetensors"):
        Verifier.load(tmp_path)


@pytest.mark.parametrize(
    ("states", "steps", "info", "message"),
    [
        (32, 16, {"weights": {"tokenizer.pt": "12" * 32}}, r"another tokenizer \(tokenizer.pt is missing, not 1212"),
        (32, 9, {}, "reads images of 9 steps, and tiny draws 16"),
        (7, 16, {}, "reads states of 7 numbers, and this model's have 32"),
    ],
)
def test_it_is_refused_on_another_model(
    states: int, steps: int, info: dict[str, Any], message: str, tmp_path: Path
) -> None:
    random_verifier(states, steps, **info).save(tmp_path)
    with pytest.raises(ConfigError, match=message):
        tiny_pipe()(PROMPT, strategy={"name": "verifier-of-n", "verifier": str(tmp_path)})


def test_a_strategy_without_its_verifier_is_told_where_one_comes_from() -> None:
    with pytest.raises(ScalingarError, match=r"verifier-of-n needs a verifier of tiny.*scalingar verifier train"):
        tiny_pipe()(PROMPT, strategy="verifier-of-n")


def test_a_retrained_head_is_read_again_and_told(tmp_path: Path) -> None:
    pipe, folder = tiny_pipe(), str(tmp_path / "verifier")
    strategy = {"name": "verifier-of-n", "num_trajectories": 2, "verifier": folder}
    made = random_verifier(32, 16)
    made.save(Path(folder))
    first = pipe(PROMPT, strategy=strategy, seed=1)
    assert pipe.verifier(folder) is pipe.verifier(folder)
    retrain(Path(folder))
    second = pipe(PROMPT, strategy=strategy, seed=1)
    alone = tiny_pipe()(PROMPT, strategy=strategy, seed=1)
    told = [output.infos[0].weights["verifier"] for output in (first, second, alone)]
    assert told[0] != told[1] == told[2]
    signals = [[one.signals["verifier"] for one in output.candidates[0]] for output in (first, second, alone)]
    assert signals[0] != signals[1] == signals[2]
    assert "verifier" not in pipe(PROMPT, strategy="single").infos[0].weights


def test_a_head_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds no verifier \(head.safetensors is missing\)"):
        head_hash(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="holds no verifier"):
        head_hash(tmp_path / "file")


def test_a_row_is_read_to_the_bit_as_alone() -> None:
    verifier, states = random_verifier(33, 6), torch.randn(6, 8, 33, generator=torch.Generator().manual_seed(0))
    together = verifier.begin(8, "")
    alone = [verifier.begin(1, "") for _ in range(8)]
    for step, now in enumerate(states):
        together.read(now, torch.full((8,), step))
        for row, one in enumerate(alone):
            one.read(now[row : row + 1], torch.tensor([step]))
        apart = torch.cat([one.values(torch.zeros(1, dtype=torch.long), list) for one in alone])
        assert torch.equal(together.values(torch.zeros(8, dtype=torch.long), list), apart)
    together.select(torch.tensor([], dtype=torch.long))
    assert together.values(torch.zeros(0, dtype=torch.long), list).shape == (0,)
