"""Put the trained detector and reward into the package: ``python -m training.judges.export_judges``."""

import argparse
import json
from pathlib import Path

import torch
from torch import nn

from scalingar.bench.judges.detectors.center_net import CenterNet, CenterNetConfig
from scalingar.core.settings import Settings
from scalingar.models.embedded.installed_weights import embedded_file
from scalingar.models.weights.module_file import save_module
from scalingar.rewards.match_net import MatchNet, MatchNetConfig
from training.weights import trained
from training.workdir import add_work_dir, announce

DESCRIPTIONS = {
    "detector": "Class, box and colour of the objects of 96x96 scenes of the embedded world.",
    "reward": "Logit that a 96x96 scene of the embedded world shows what a prompt of GenEval's grammar says.",
}
LICENCE = "Apache-2.0; drawings under the licences in NOTICE"


def save(path: Path, name: str, network: nn.Module, config: Settings, step: int) -> None:
    """Write the weights in bf16, and a description beside them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_module(path, network, config, torch.bfloat16)
    description = {"name": name, "description": DESCRIPTIONS[name], "licence": LICENCE, "training_step": step}
    path.with_suffix(".json").write_text(json.dumps(description, indent=2) + "\n")
    announce(f"{path}: {path.stat().st_size / 1e6:.1f} MB, step {step}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--only", choices=list(DESCRIPTIONS), default=None)
    args = parser.parse_args()
    for name in DESCRIPTIONS if args.only is None else [args.only]:
        saved = trained(args.work_dir, name)
        if name == "detector":
            detector = CenterNet(CenterNetConfig(**saved["config"]))
            detector.load_state_dict(saved["model"])
            save(embedded_file("detector"), name, detector, detector.config, saved["step"])
        else:
            reward = MatchNet(MatchNetConfig(**saved["config"]))
            reward.load_state_dict(saved["model"])
            save(embedded_file("reward"), name, reward, reward.config, saved["step"])


if __name__ == "__main__":
    main()
