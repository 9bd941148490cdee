"""Which rounds of halving by a verifier gain most for so many images' tokens: ``python -m training.verifier.rounds``.

On the prompts that :mod:`training.verifier.latent_order` held out. Every schedule of one or two cuts is replayed on the
stored trajectories; what counts is the reward of the image that is handed out. The detector only examines.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from scalingar.analysis.prefixes.forks import setting_of
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.verifiers import LatentHead, Verifier
from scalingar.strategies.setting import Setting
from training.verifier.drawn.prompts import MODELS, examining
from training.verifier.drawn.stored import Outcomes
from training.verifier.latent_order import values_at
from training.verifier.latent_reader import Prefixes
from training.workdir import add_work_dir

CUTS = 10
"""Places where a cut may be, at equal distances, and the end."""
LAST = ("reward", "verifier", "both")
"""By what the image is chosen; both: by the sum of its ranks."""
ORDERS = 16
"""In which the trajectories of a prompt are drawn, at random."""
SPARED = 0.15
"""Of an image, that a schedule may stay below the tokens."""


@dataclass(frozen=True)
class Schedule:
    """``count`` trajectories; ``rounds``: (step, how many are kept) each. ``images``: how many images' tokens."""

    count: int
    rounds: tuple[tuple[int, int], ...]
    images: float

    def __str__(self) -> str:
        return f"{self.count}, " + ", ".join(f"{kept} after step {step}" for step, kept in self.rounds)


def schedules(setting: Setting, count: int, images: float) -> Iterator[Schedule]:
    """All with at most so many trajectories and images' tokens, and nearly as many."""
    total = setting.total_steps
    places = sorted({round(total * place / CUTS) for place in range(1, CUTS)} - {0, total})
    until = {step: setting.tokens_until(step) / setting.tokens_until(total) for step in (0, *places, total)}
    for start in range(1, count + 1):
        for kept in range(1, start):
            for place, step in enumerate(places):
                later = [((step, kept), (after, less)) for after in places[place + 1 :] for less in range(1, kept)]
                for rounds in (((step, kept),), *later):
                    rows = (start, *(rest for _, rest in rounds))
                    steps = (0, *(at for at, _ in rounds), total)
                    cost = sum(
                        n * (until[end] - until[begin]) for n, (begin, end) in zip(rows, pairwise(steps), strict=True)
                    )
                    if images - SPARED <= cost <= images + 1e-9:
                        yield Schedule(start, rounds, cost)


def chosen(
    schedule: Schedule, orders: Int[np.ndarray, "p n"], values: dict[int, Float[np.ndarray, "p n"]], reward: np.ndarray
) -> dict[str, Int[np.ndarray, " p"]]:
    """The trajectory of each prompt that is handed out, by what chooses it."""
    alive = orders[:, : schedule.count]
    for step, kept in schedule.rounds:
        best = np.argsort(-np.take_along_axis(values[step], alive, 1), 1, kind="stable")[:, :kept]
        alive = np.take_along_axis(alive, best, 1)
    by = {
        "reward": np.take_along_axis(reward, alive, 1),
        "verifier": np.take_along_axis(values[max(values)], alive, 1),
    }
    by["both"] = sum(each.argsort(1).argsort(1) for each in by.values()) + 1e-6 * by["reward"]
    return {name: np.take_along_axis(alive, scores.argmax(1)[:, None], 1)[:, 0] for name, scores in by.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--images", type=float, default=3.2, help="tokens of so many images")
    args = parser.parse_args()
    outcomes, prefixes = Outcomes.drawn(args), Prefixes(args.model)
    held = outcomes.some(examining(len(outcomes)))
    setting = setting_of(ImagePipeline.from_pretrained(args.model))
    head = Verifier.load(args.model).head
    assert isinstance(head, LatentHead)
    reward, right = held.reward.numpy(), held.right.numpy()
    count = reward.shape[1]
    found = [*schedules(setting, count, args.images)]
    steps = {step for each in found for step, _ in each.rounds} | {setting.total_steps}
    table = values_at(head, held, prefixes, sorted(steps))
    values = {step: table[:, :, place] for place, step in enumerate(sorted(steps))}
    rng = np.random.default_rng(0)
    orders = [rng.permuted(np.tile(np.arange(count), (len(reward), 1)), axis=1) for _ in range(ORDERS)]
    told = dict[tuple[str, Schedule], tuple[float, float]]()
    whole = Schedule(count, (), count)
    for schedule in (*found, whole):
        picks = [chosen(schedule, order, values, reward) for order in orders]
        for last in LAST:
            rows = np.stack([pick[last] for pick in picks], 1)
            gained, seen = (float(np.take_along_axis(of, rows, 1).mean()) for of in (reward, right))
            told[last, schedule] = gained, seen
    print(f"{len(held)} prompts, {len(found)} schedules of {args.images - SPARED:.2f} to {args.images:g} images")
    for last in LAST:
        gained, seen = told[last, whole]
        print(f"the best of {count} by {last}: reward {gained:.3f}; the detector finds right {seen:.3f}")
        some = [each for each in found if last == "verifier" or each.rounds[-1][1] > 1]
        for schedule in sorted(some, key=lambda each: -told[last, each][0])[:3]:
            gained, seen = told[last, schedule]
            print(f"  {schedule} ({schedule.images:.2f} images): reward {gained:.3f}; right {seen:.3f}")


if __name__ == "__main__":
    main()
