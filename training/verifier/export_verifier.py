"""Put a taught head into the package: ``python -m training.verifier.export_verifier embedded``."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import cast

import torch

from scalingar.analysis.verifiers.examination import report
from scalingar.models.embedded.installed_weights import EMBEDDED, embedded_folder
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards.verifiers.latent_head import LatentHead
from scalingar.rewards.verifiers.verifier import BY_DETECTOR, HEAD, VERSION, Verifier, VerifierInfo
from training.checkpoint import Checkpoint
from training.verifier.drawn.completions import Soft
from training.verifier.drawn.prompts import MODELS, examining
from training.verifier.drawn.stored import Outcomes
from training.verifier.latent_order import LABELS, told, values_of
from training.verifier.latent_reader import Prefixes, begin
from training.workdir import add_work_dir, announce

EXPORTED = {"reward": ("embedded", ""), "soft": ("embedded", "-soft"), "detector": ("the detector", BY_DETECTOR)}
"""By label, whose values the head foretells, and how the name of its folder in the package ends. No name of a verifier
stands for the folder of soft labels: it is given by its path."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--label", choices=LABELS, default=LABELS[0])
    parser.add_argument("-o", "--output", type=Path, default=None, help="folder (default: the package's)")
    export(parser.parse_args())


def export(args: argparse.Namespace) -> None:
    prefixes, outcomes = Prefixes(args.model), Outcomes.drawn(args)
    head = begin(prefixes)
    state = Checkpoint(args.work_dir / "verifier" / f"order-{args.model}-{args.label}.pt").load()
    if state is None:
        again = f"python -m training.verifier.latent_order {args.model} --label {args.label}"
        raise SystemExit(f"no head was taught; run `{again}` first")
    averaged = torch.optim.swa_utils.AveragedModel(head)
    averaged.load_state_dict(state["average"])
    head = cast(LatentHead, averaged.module.bfloat16().float())
    held = outcomes.some(examining(len(outcomes)))
    values, reward = values_of(head, held, prefixes), held.reward.numpy()
    announce(f"held out:\n{told(values, held)}")
    label, suffix = EXPORTED[args.label]
    completions = Soft.drawn(args.work_dir, args.model, outcomes).completions if args.label == "soft" else 1
    info = VerifierInfo(
        version=VERSION,
        model=args.model,
        weights=dict(ImagePipeline.from_pretrained(args.model).hashes),
        label=label,
        prompts_sha256=hashlib.sha256("\n".join(outcomes.prompts).encode()).hexdigest(),
        trajectories=outcomes.codes.shape[1],
        completions=completions,
        reads="latents",
        report=json.loads(json.dumps(report(values, held.confidence, reward))),
    )
    folder = args.output or embedded_folder(f"verifier/{EMBEDDED[args.model]}{suffix}")
    folder.mkdir(parents=True, exist_ok=True)
    Verifier(head.eval(), info).save(folder, torch.bfloat16)
    announce(f"{folder}: {(folder / HEAD).stat().st_size / 1e6:.2f} MB, step {state['step']}")


if __name__ == "__main__":
    main()
