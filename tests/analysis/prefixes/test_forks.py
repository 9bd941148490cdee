from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalingar.analysis.prefixes.forks import Forked, Plan, Share, collect, lengths
from scalingar.bench.image_seeds import image_seed
from scalingar.core.errors import ConfigError, OutputError
from scalingar.pipeline.model_choice import ModelChoice
from tests.tiny.pipes import Broken, tiny_pipe
from tests.tiny.scale_pipes import infinity_pipe

PROMPTS = ("a red dog", "a cat", "two cows", "a bus", "a blue cup")


def plan(**changes: Any) -> Plan:
    settings = {"prompts": PROMPTS, "reward": "pmi", "shares": (0.5, 0.25), "prefixes": 3, "completions": 3, "seed": 1}
    return Plan(**{**settings, **changes})


def silent(items: Sequence[Any]) -> Sequence[Any]:
    return items


class KilledError(Exception):
    pass


def killed(items: Sequence[Any]) -> Iterable[Any]:
    """Ends before the second part."""
    yield items[0]
    raise KilledError


def test_completions_go_on_from_the_prefix_each_in_its_own_way() -> None:
    pipe = tiny_pipe()
    strategy = Forked(num_trajectories=2, completions=3, lengths=(4, 8), reward="pmi")
    output = pipe("a red dog", strategy=strategy, seed=3)
    own, others = output.candidates[0][:2], output.candidates[0][2:]
    assert [(one.parent, one.born) for one in others] == [(0, 4)] * 2 + [(1, 4)] * 2 + [(0, 8)] * 2 + [(1, 8)] * 2
    for one in others:
        assert one.parent is not None
        assert one.codes[: one.born].equal(own[one.parent].codes[: one.born])
    ends = {tuple(one.codes.tolist()) for one in output.candidates[0]}
    assert len(ends) == 10, "no two are the same"
    assert output.ledger.tokens == 2 * 16 + 4 * (12 + 8), "prefixes are drawn once"
    alone = pipe("a red dog", strategy="random-of-n", num_trajectories=2, seed=3).candidates[0]
    assert all(a.codes.equal(b.codes) for a, b in zip(alone, own, strict=True))


def test_rewards_are_by_length_prefix_and_completion(tmp_path: Path) -> None:
    pipe = tiny_pipe()
    forks = collect(pipe, plan(), tmp_path, silent)
    assert forks.rewards.shape == (5, 2, 3, 3)
    assert [share.steps for share in forks.shares] == [4, 8]
    assert forks.tokens.tolist() == [3 * 16 + 6 * (12 + 8)] * 5
    assert forks.tokens_per_image == 16
    strategy = Forked(num_trajectories=3, completions=3, lengths=(4, 8), reward="pmi")
    again = pipe(PROMPTS[4], strategy=strategy, seed=image_seed(1, PROMPTS[4], 0)).candidates[0]
    for place, steps in enumerate((4, 8)):
        for prefix in range(3):
            own = [one.rewards["pmi"] for one in again if (one.parent, one.born) == (prefix, steps)]
            assert forks.rewards[4, place, prefix].tolist() == [again[prefix].rewards["pmi"], *own]


def test_a_killed_study_is_resumed(tmp_path: Path) -> None:
    pipe, short = tiny_pipe(), plan(shares=(0.75,), completions=2)
    with pytest.raises(KilledError):
        collect(pipe, short, tmp_path / "two", killed)
    kept = list((tmp_path / "two").glob("*.npz"))
    assert len(kept) == 1
    before = kept[0].stat().st_mtime_ns
    two = collect(pipe, short, tmp_path / "two", silent)
    assert kept[0].stat().st_mtime_ns == before, "not drawn again"
    assert np.array_equal(two.rewards, collect(pipe, short, tmp_path / "one", silent).rewards)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dtype": "bf16"}, r"model_settings\.dtype \('fp32', not 'bf16'\)"),
        ({"negative_prompt": "a cat"}, r"model_settings\.negative_prompt \(None, not 'a cat'\)"),
        ({"device": "cuda"}, r"model_settings\.device \('cpu', not 'cuda'\)"),
    ],
)
def test_completions_of_a_model_loaded_otherwise_are_refused(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    pipe, short = tiny_pipe(), plan(prompts=PROMPTS[:2], shares=(0.75,), completions=2)
    assert short.told(pipe)["noise"] == "host"
    collect(pipe, short, tmp_path, silent)
    collect(tiny_pipe(), short, tmp_path, silent)
    assert pipe.choice is not None
    pipe.choice = ModelChoice.from_dict({"name": pipe.choice.name, **changes})
    with pytest.raises(OutputError, match=f"holds completions of another {told}; choose another folder"):
        collect(pipe, short, tmp_path, silent)
    assert short.told(pipe)["noise"] == ("device" if "device" in changes else "host")


def test_beside_the_cpu_one_prompt_is_drawn_at_a_time(tmp_path: Path) -> None:
    pipe, short = tiny_pipe(), plan(shares=(0.75,), completions=2)
    assert pipe.choice is not None
    pipe.choice = ModelChoice.from_dict({"name": pipe.choice.name, "device": "cuda"})
    assert collect(pipe, short, tmp_path, silent).rewards.shape == (5, 1, 3, 2)
    assert [path.name for path in sorted(tmp_path.glob("*.npz"))] == [f"00000{number}.npz" for number in range(5)]


def test_next_scale_prefixes_are_whole_scales(tmp_path: Path) -> None:
    pipe = infinity_pipe()
    shares = lengths(pipe, (1 / 7, 0.5, 6 / 7))
    assert shares == [
        Share("1 of 7 scales, to 1 x 1", 1, 1 / 16),
        Share("4 of 7 scales, to 1 x 2", 4, 6 / 16),
        Share("6 of 7 scales, to 2 x 2", 6, 12 / 16),
    ]
    forks = collect(pipe, plan(reward="confidence", shares=(1 / 7, 6 / 7)), tmp_path, silent)
    assert forks.tokens.tolist() == [3 * 16 + 6 * (15 + 4)] * 5
    assert np.ptp(forks.rewards[:, 0], axis=2).min() > 0, "completions differ"
    assert np.ptp(forks.rewards[:, 1], axis=2).max() == 0, "the last scale's logits are read before its draw"
    assert np.ptp(forks.rewards[:, 1], axis=1).min() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prefixes": 1}, "--prefixes is 1; to see how they differ there must be at least 2"),
        ({"completions": 1}, "--completions is 1; .* at least 2"),
        ({"prompts": PROMPTS[:1]}, "there is 1 prompt"),
        ({"prompts": (*PROMPTS, "a cat")}, "'a cat' is there twice"),
        ({"shares": ()}, "--shares is empty"),
        ({"shares": (0.5, 1.0)}, "--shares holds 1; a prefix has a share of the steps between 0 and 1"),
        ({"shares": (0.0,)}, "--shares holds 0; a prefix"),
        ({"shares": (float("nan"),)}, "--shares holds nan; a prefix"),
        (
            {"shares": (0.99,)},
            "--shares holds 0.99, which ends with the last of the model's 16 steps: .* at most 0.937",
        ),
        ({"shares": (0.49, 0.5)}, "--shares holds 0.49 and 0.5, which both end with step 8 of 16"),
        ({"reward": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_studied(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        collect(tiny_pipe(), plan(**changes), tmp_path, silent)


def test_scales_are_named_where_shares_do_not_fit() -> None:
    with pytest.raises(ConfigError, match=r"0\.1 and 0\.14, which both end with scale 1 of 7"):
        lengths(infinity_pipe(), (0.1, 0.14))
    with pytest.raises(ConfigError, match=r"the last of the model's 7 scales: .* at most 0\.857"):
        lengths(infinity_pipe(), (0.9,))
    assert lengths(infinity_pipe(), (0.857,))[0].steps == 6


def test_a_lost_trajectory_is_told(tmp_path: Path) -> None:
    pipe = tiny_pipe(Broken([1], at=6))
    with pytest.raises(ConfigError, match="'a red dog' lost a trajectory whose logits are no numbers; leave it out"):
        collect(pipe, plan(prompts=PROMPTS[:2]), tmp_path, silent)
