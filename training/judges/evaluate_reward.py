"""How well reward and detector agree: ``python -m training.judges.evaluate_reward``.

On images of the embedded generator: per task, the probability that an image which the detector calls correct has a
higher reward than one it calls wrong (AUC). On drawings: how often a correct one has a higher reward than the same
with one thing falsified.
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
"""The reward of each image and whether the detector calls it correct, by task."""


def verdicts(args: argparse.Namespace) -> Verdicts:
    """Rewards and verdicts on the generator's images."""
    detector, reward = EmbeddedDetector(), EmbeddedReward(args.weights)
    drawn = generated(args.work_dir, args.model, args.prompts, args.images, args.seed)
    detections = detector([image for _, image in drawn])
    judged: Verdicts = defaultdict(list)
    for start in range(0, len(drawn), args.images):
        metadata, images = drawn[start][0], [image for _, image in drawn[start : start + args.images]]
        right = [correct(metadata, of_image) for of_image in detections[start : start + args.images]]
        judged[metadata.tag] += zip(reward.score(metadata.prompt, images), right, strict=True)
    return judged


def area_under_curve(pairs: list[tuple[float, bool]]) -> float | None:
    """AUC; None if the detector calls all images correct, or all wrong."""
    scores, labels = (np.array(part) for part in zip(*pairs, strict=True))
    return None if labels.all() or not labels.any() else auc(scores.astype(float), labels.astype(bool))


def true_above(args: argparse.Namespace) -> dict[str, float]:
    """Share of pairs in which the correct drawing has the higher reward, by what is falsified in the other."""
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
    return {kind: float(np.mean(higher)) for kind, higher in above.items()}


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
    judged = verdicts(args)
    everything = [pair for pairs in judged.values() for pair in pairs]
    areas = {}
    for task, pairs in {**{task: judged[task] for task in TASKS}, "all": everything}.items():
        areas[task] = area_under_curve(pairs)
        share = np.mean([right for _, right in pairs])
        text = "-" if areas[task] is None else f"{areas[task]:.3f}"
        announce(f"{task:14s} AUC {text:>6s}   {share:6.1%} of {len(pairs)} images correct by the detector")
    above = true_above(args)
    for kind, value in above.items():
        announce(f"correct drawing above {kind:15s} {value:6.1%}")
    output = args.output or args.work_dir / "reward.json"
    output.write_text(json.dumps({"auc": areas, "true_above": above, "judged": judged}, indent=2) + "\n")


if __name__ == "__main__":
    main()
