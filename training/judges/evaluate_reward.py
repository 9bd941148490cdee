"""How far reward and detector agree: ``python -m training.judges.evaluate_reward``.

On images of the embedded generator: per task, the chance that the reward puts an image the detector calls correct above
one it calls wrong (AUC). On renders: how often a true picture scores above the same with one thing falsified.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

from scalingar.bench.benchmarks.geneval.metadata import TASKS
from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector
from scalingar.bench.statistics.ranking import auc
from scalingar.rewards.embedded_reward import EmbeddedReward
from training.judges.evaluate_detector import correct, pictures
from training.workdir import add_work_dir, announce
from training.world.generated import generated
from training.world.scenes import Sprites

Verdicts = dict[str, list[tuple[float, bool]]]
"""Reward and the detector's verdict of each image, by task."""


def verdicts(args: argparse.Namespace) -> Verdicts:
    """On the generator's images."""
    detector, reward = EmbeddedDetector(), EmbeddedReward(args.weights)
    drawn = generated(args.work_dir, args.model, args.prompts, args.images, args.seed)
    found = detector([image for _, image in drawn])
    told: Verdicts = defaultdict(list)
    for start in range(0, len(drawn), args.images):
        metadata, shown = drawn[start][0], [image for _, image in drawn[start : start + args.images]]
        right = [correct(metadata, some) for some in found[start : start + args.images]]
        told[metadata.tag] += zip(reward.score(metadata.prompt, shown), right, strict=True)
    return told


def area(pairs: list[tuple[float, bool]]) -> float | None:
    """AUC; None where the detector finds all images right, or all wrong."""
    scores, labels = (np.array(part) for part in zip(*pairs, strict=True))
    return None if labels.all() or not labels.any() else auc(scores.astype(float), labels.astype(bool))


def ranked(args: argparse.Namespace) -> dict[str, float]:
    """By what is falsified: share of pairs in which the true render scores higher."""
    reward = EmbeddedReward(args.weights)
    drawn = pictures(args.seed, Sprites(args.work_dir / "art.npz"))
    versions: dict[str, dict[str, Image.Image]] = defaultdict(dict)
    for kind, pairs in drawn.items():
        for metadata, picture in pairs:
            versions[metadata.prompt][kind] = Image.fromarray(picture)
    above: dict[str, list[bool]] = defaultdict(list)
    for prompt, images in versions.items():
        true, *others = reward.score(prompt, list(images.values()))
        for kind, score in zip(list(images)[1:], others, strict=True):
            above[kind].append(true > score)
    return {kind: float(np.mean(some)) for kind, some in above.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--model", default="embedded", help="model folder, or 'embedded'")
    parser.add_argument("--prompts", type=int, default=40, help="official prompts of each task")
    parser.add_argument("--images", type=int, default=2, help="of each prompt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--weights", type=Path, default=None, help="of the reward: file or folder (default: the package's)"
    )
    parser.add_argument("--output", type=Path, default=None, help="default: reward.json in the work folder")
    args = parser.parse_args()
    told = verdicts(args)
    areas = {task: area(told[task]) for task in TASKS}
    areas["all"] = area([pair for pairs in told.values() for pair in pairs])
    for task, value in areas.items():
        pairs = told[task] if task in told else [pair for some in told.values() for pair in some]
        share = np.mean([right for _, right in pairs])
        shown = "-" if value is None else f"{value:.3f}"
        announce(f"{task:14s} AUC {shown:>6s}   {share:6.1%} of {len(pairs)} images correct by the detector")
    above = ranked(args)
    for kind, value in above.items():
        announce(f"true render above {kind:15s} {value:6.1%}")
    output = args.output or args.work_dir / "reward.json"
    output.write_text(json.dumps({"auc": areas, "true_above": above, "judged": told}, indent=2) + "\n")


if __name__ == "__main__":
    main()
