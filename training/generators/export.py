"""Put the trained weights into the package: ``python -m training.generators.export``."""

import argparse
from pathlib import Path

import torch

from scalingar.models.embedded.installed_weights import embedded_folder
from scalingar.models.llamagen.config import LlamaGenConfig
from scalingar.models.llamagen.family import FAMILY
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.model_folder import PackageInfo
from training.generators.transformer import load_tokenizer
from training.weights import trained
from training.workdir import add_work_dir, announce

DESCRIPTION = (
    "LlamaGen architecture trained on 96x96 scenes of emoji-like drawings in GenEval's prompt grammar; "
    "small and imperfect on purpose."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--output", type=Path, default=None, help="folder (default: the package's)")
    parser.add_argument("--guidance-scale", type=float, default=2.0, help="the model's default")
    args = parser.parse_args()
    saved = trained(args.work_dir, "transformer")
    model = LlamaGen(LlamaGenConfig(**saved["config"]))
    model.load_state_dict(saved["model"])
    info = PackageInfo(
        name="embedded",
        family=FAMILY.name,
        reward="embedded",
        guidance_scale=args.guidance_scale,
        description=f"{DESCRIPTION} Training step {saved['step']}.",
        licence="Apache-2.0; drawings under the licences in NOTICE",
    )
    folder = args.output or embedded_folder("next-token")
    FAMILY.save(folder, info, model, load_tokenizer(args.work_dir), torch.bfloat16)
    sizes = ", ".join(f"{p.name} {p.stat().st_size / 1e6:.1f} MB" for p in sorted(folder.iterdir()))
    announce(f"{folder}: {sizes}")


if __name__ == "__main__":
    main()
