"""How reliably the embedded detector judges by GenEval's rules: ``python -m training.judges.evaluate_detector``.

For all 553 official prompts it is given correct drawings, drawings with one thing falsified, and correct drawings after
the generator's tokenizer. The share of each that is judged correct is printed as a table and written as JSON.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scalingar.bench.benchmarks.geneval.metadata import TASKS, Metadata
from scalingar.bench.benchmarks.geneval.prompts import official_prompts
from scalingar.bench.benchmarks.geneval.rules import GenEvalOptions, found_objects, judge
from scalingar.bench.judges.detectors.detector import Detection, Detector
from scalingar.bench.judges.detectors.embedded_detector import EmbeddedDetector
from training.generators.tokenizer import to_tensor
from training.generators.transformer import load_tokenizer
from training.workdir import add_work_dir, announce
from training.world.official_scenes import FALSE, lay_out
from training.world.scenes import CELL, GRID, Sprites, render

Shares = dict[str, dict[str, tuple[int, int]]]
"""Number of images judged correct and of all images, by kind of drawing and task."""
GOALS = {"true": ">= 97 %", "tokenizer": ">= 94 %", **{f"false {name}": "<= 3 %" for name in FALSE}}
OPTIONS = GenEvalOptions()


def correct(metadata: Metadata, detections: list[Detection]) -> bool:
    """GenEval's verdict on the detections in an image."""
    objects = found_objects(detections, metadata.tag, OPTIONS)
    return judge(metadata, objects, lambda detection: str(detection.color), OPTIONS).correct


def pictures(seed: int, sprites: Sprites) -> dict[str, list[tuple[Metadata, np.ndarray]]]:
    """Prompts and pictures ``(SIZE, SIZE, 3)`` uint8, by kind of drawing."""
    drawn: dict[str, list[tuple[Metadata, np.ndarray]]] = defaultdict(list)
    for number, metadata in enumerate(official_prompts()):
        rng = np.random.default_rng((seed, 553, number))
        scene = lay_out(rng, metadata)
        drawn["true"].append((metadata, render(scene, sprites)))
        for name, (falsify, tasks) in FALSE.items():
            if metadata.tag in tasks:
                drawn[f"false {name}"].append((metadata, render(falsify(rng, scene), sprites)))
    return drawn


@torch.inference_mode()
def through_tokenizer(images: np.ndarray, work_dir: Path) -> np.ndarray:
    """The images encoded and decoded, ``(n, SIZE, SIZE, 3)`` uint8."""
    tokenizer = load_tokenizer(work_dir)
    parts = [tokenizer.decode(tokenizer.encode(to_tensor(part)), (GRID, GRID)) for part in np.array_split(images, 32)]
    restored = torch.cat(parts).clamp(-1, 1).permute(0, 2, 3, 1)
    assert restored.shape[1:3] == (GRID * CELL, GRID * CELL)
    return ((restored + 1) * 127.5 + 0.5).byte().numpy()


def measure(detector: Detector, work_dir: Path, seeds: int) -> Shares:
    """Counts over ``seeds`` layouts of every prompt."""
    sprites = Sprites(work_dir / "art.npz")
    shares: Shares = defaultdict(lambda: dict.fromkeys(TASKS, (0, 0)))
    for seed in range(seeds):
        drawn = pictures(seed, sprites)
        prompts, renders = zip(*drawn["true"], strict=True)
        drawn["tokenizer"] = list(zip(prompts, through_tokenizer(np.stack(renders), work_dir), strict=True))
        for kind, pairs in drawn.items():
            detections = detector([Image.fromarray(picture) for _, picture in pairs])
            for (metadata, _), of_image in zip(pairs, detections, strict=True):
                right, total = shares[kind][metadata.tag]
                shares[kind][metadata.tag] = right + correct(metadata, of_image), total + 1
    return shares


def table(shares: Shares) -> str:
    """Percentages judged correct, a row for each kind of drawing."""
    lines = [f"{'drawn':15s}{'all':>9s}" + "".join(f"{task:>15s}" for task in TASKS) + "   goal (all)"]
    for kind, goal in GOALS.items():
        right, total = (sum(values) for values in zip(*shares[kind].values(), strict=True))
        cells = "".join(f"{a / n:15.1%}" if n else f"{'-':>15s}" for a, n in shares[kind].values())
        lines.append(f"{kind:15s}{right / total:9.2%}{cells}   {goal}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--seeds", type=int, default=3, help="layouts of every prompt")
    parser.add_argument("--weights", type=Path, default=None, help="file or folder (default: the package's)")
    parser.add_argument("--output", type=Path, default=None, help="default: detector.json in the work folder")
    args = parser.parse_args()
    detector = EmbeddedDetector(args.weights)
    shares = measure(detector, args.work_dir, args.seeds)
    output = args.output or args.work_dir / "detector.json"
    result = {"detector": detector.version, "seeds": args.seeds, "correct_and_all": shares}
    output.write_text(json.dumps(result, indent=2) + "\n")
    announce(f"share judged correct by GenEval's rules, {args.seeds} layouts a prompt\n{table(shares)}\n{output}")


if __name__ == "__main__":
    main()
