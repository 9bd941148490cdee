"""Training a verifier of a tiny model: resumed to the same bytes, examined on what it was not taught."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scalingar.analysis.verifiers.lessons import Plan, collect, kept_positions
from scalingar.analysis.verifiers.teaching import teach, values_at
from scalingar.analysis.verifiers.train import train_verifier
from scalingar.bench.image_seeds import image_seed
from scalingar.core.errors import ConfigError, OutputError
from scalingar.pipeline.model_choice import ModelChoice
from scalingar.rewards.verifiers import Verifier
from tests.tiny.pipes import tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe

THINGS = ("dog", "cat", "cow", "bus", "car", "cup", "bird", "boat")
PROMPTS = [f"a red {thing}" for thing in THINGS]
FILES = ("head.safetensors", "verifier.json")


def plan(**changes: Any) -> Plan:
    return Plan(**{"prompts": PROMPTS, "reward": "pmi", "trajectories": 3, "seed": 0, **changes})


def silent(_: str) -> Any:
    return lambda items: items


class KilledError(Exception):
    pass


def killed(items: Sequence[Any]) -> Iterable[Any]:
    """Ends before the second."""
    yield items[0]
    raise KilledError


def test_a_killed_training_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    pipe = tiny_pipe()
    train_verifier(pipe, plan(), tmp_path / "one", silent, steps=8)
    with pytest.raises(KilledError):
        train_verifier(pipe, plan(), tmp_path / "two", lambda told: killed if told == "drawing" else silent(told))
    drawn = list((tmp_path / "two" / "lessons").glob("*.npz"))
    assert len(drawn) == 1
    before = drawn[0].stat().st_mtime_ns
    with pytest.raises(KilledError):
        train_verifier(pipe, plan(), tmp_path / "two", lambda told: killed if told == "teaching" else silent(told))
    train_verifier(pipe, plan(), tmp_path / "two", silent, steps=8)
    assert drawn[0].stat().st_mtime_ns == before, "not drawn again"
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    report = Verifier.load(tmp_path / "two").info.report
    assert report["prompts"] == 2
    assert len(report["verifier"]) == len(report["confidence"]) == 5


def test_what_is_in_a_folder_is_not_replaced(tmp_path: Path) -> None:
    """Without the lessons nothing says what a verifier was taught with; and other things have nothing to do there."""
    trained, other = tmp_path / "trained", tmp_path / "other"
    train_verifier(tiny_pipe(), plan(), trained, silent, steps=2)
    shutil.rmtree(trained / "lessons")
    other.mkdir()
    (other / "plan.json").write_text("{}")
    for folder in (trained, other):
        before = sorted(folder.iterdir())
        with pytest.raises(OutputError, match="is not empty; give a new one for the verifier"):
            train_verifier(tiny_pipe(), plan(seed=1), folder, silent, steps=2)
        assert sorted(folder.iterdir()) == before


def test_a_folder_of_another_training_is_refused(tmp_path: Path) -> None:
    pipe = tiny_pipe()
    collect(pipe, plan(), tmp_path, lambda items: items)
    for changes, name in (
        ({"seed": 1}, "another seed"),
        ({"reward": "confidence"}, "another reward"),
        ({"trajectories": 2}, "other traj"),
        ({"completions": 2}, "other compl"),
    ):
        with pytest.raises(OutputError, match=f"holds lessons of {name}"):
            collect(pipe, plan(**changes), tmp_path, lambda items: items)
    assert pipe.choice is not None
    pipe.choice = ModelChoice.from_dict({"name": pipe.choice.name, "dtype": "bf16"})
    with pytest.raises(OutputError, match=r"another model_settings\.dtype \('fp32', not 'bf16'\)"):
        collect(pipe, plan(), tmp_path, lambda items: items)


def test_what_it_is_taught_is_learned_and_other_prompts_change_nothing(tmp_path: Path) -> None:
    """With the reward put into the states, the head finds it."""
    lessons = collect(tiny_pipe(), plan(), tmp_path, lambda items: items)
    assert lessons.states.shape == (8, 3, 16, 32)
    rng = np.random.default_rng(0)
    states = rng.standard_normal(lessons.states.shape).astype(np.float16)
    states[..., 0] = 3 * (lessons.reward - lessons.reward.mean())[..., None] / lessons.reward.std()
    made = replace(lessons, states=states)
    taught = list(range(6))
    head = teach(made, taught, lambda items: items, seed=1, steps=120)
    told = values_at(head, made, [4, 15])
    assert np.corrcoef(told[6:, :, 1].ravel(), lessons.reward[6:].ravel())[0, 1] > 0.6
    states[6:] = 0
    again = teach(made, taught, lambda items: items, seed=1, steps=120)
    assert all((a == b).all() for a, b in zip(head.parameters(), again.parameters(), strict=True))


def test_the_label_of_a_prefix_is_the_mean_of_what_begins_with_it(tmp_path: Path) -> None:
    pipe, many = tiny_pipe(), plan(completions=3)
    hard, soft = (collect(pipe, one, tmp_path / str(one.completions), list) for one in (plan(), many))
    assert np.array_equal(hard.states, soft.states), "only the trajectories' own are kept"
    assert np.array_equal(hard.reward, soft.reward)
    assert np.array_equal(hard.labels, np.repeat(hard.reward[..., None], 16, 2))
    for prompt, text in enumerate(PROMPTS):
        seed = image_seed(0, text, 0)
        drawn = pipe(text, strategy=many.strategy(pipe), seed=seed, output_type="codes").candidates[0]
        assert len(drawn) == 3 + 3 * 3 * 2
        for own in drawn[:3]:
            for position in range(16):
                begin = [one for one in drawn if one is own or (one.parent == own.index and one.born >= position)]
                assert len(begin) == (7 if position <= 4 else 5 if position <= 8 else 3 if position <= 12 else 1)
                assert soft.labels[prompt, own.index, position] == pytest.approx(
                    np.mean([one.rewards["pmi"] for one in begin]), abs=1e-5
                )
                assert all(torch.equal(one.codes[:position], own.codes[:position]) for one in begin)


@pytest.mark.parametrize("make", [tiny_pipe, infinity_pipe])
def test_soft_labels_teach_another_head_which_says_so(make: Any, tmp_path: Path) -> None:
    heads = []
    for completions in (1, 2):
        folder = tmp_path / str(completions)
        train_verifier(make(), plan(completions=completions, reward="confidence"), folder, silent, steps=3)
        assert Verifier.load(folder).info.completions == completions
        heads.append((folder / "head.safetensors").read_bytes())
    assert heads[0] != heads[1]


def test_next_scale_models_are_read_scale_by_scale(tmp_path: Path) -> None:
    pipe = infinity_pipe()
    made = train_verifier(pipe, plan(reward="confidence"), tmp_path, silent, steps=3)
    assert made.head.config.steps == len(pipe.grids)
    strategy = {"name": "verifier-of-n", "num_trajectories": 2, "verifier": str(tmp_path)}
    assert pipe("a dog", strategy=strategy).ledger.decodes == 1


def test_no_file_of_the_lessons_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process can hold some thousands."""
    opened: list[Any] = []
    load = np.load

    def watched(path: Path) -> Any:
        opened.append(load(path))
        return opened[-1]

    monkeypatch.setattr(np, "load", watched)
    collect(tiny_pipe(), plan(), tmp_path, lambda items: items)
    assert [archive.zip for archive in opened] == [None, None]


def test_long_images_are_read_at_some_steps() -> None:
    assert kept_positions(16) == list(range(16))
    assert kept_positions(576) == [*range(0, 576, 4), 575]


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (PROMPTS[:5], r"are too few \(5\)"),
        ([*PROMPTS, PROMPTS[0]], "'a red dog' is there twice"),
        ([*PROMPTS, "a photo of a bench"], "'a photo of a bench' is GenEval's"),
    ],
)
def test_prompts_that_cannot_teach(prompts: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train_verifier(tiny_pipe(), plan(prompts=prompts), tmp_path, silent)
