"""Put the trained next-scale weights into the package: ``python -m training.generators.export_scale``."""

import argparse
from pathlib import Path

import torch

from scalingar.core.files import sha256
from scalingar.models.embedded.installed_weights import embedded_folder
from scalingar.models.model_folder import PackageInfo
from scalingar.models.var.config import VARConfig
from scalingar.models.var.family import FAMILY
from scalingar.models.var.transformer import VAR
from training.generators.scale_lessons import load_scale_tokenizer
from training.generators.scale_tokenizer import WEIGHTS as TOKENIZER_WEIGHTS
from training.generators.scale_transformer import WEIGHTS
from training.weights import trained
from training.workdir import add_work_dir, announce

DESCRIPTION = (
    "VAR architecture trained on 96x96 scenes of emoji-like drawings in GenEval's prompt grammar; small and imperfect "
    "on purpose."
)


def export(work_dir: Path, folder: Path, guidance_scale: float) -> None:
    saved = trained(work_dir, "scale-transformer")
    if saved["tokenizer"] != sha256(work_dir / TOKENIZER_WEIGHTS):
        raise SystemExit(f"{work_dir / WEIGHTS} was trained with another tokenizer than the one beside it")
    model = VAR(VARConfig(**saved["config"]))
    model.load_state_dict(saved["model"])
    info = PackageInfo(
        name="embedded-next-scale",
        family=FAMILY.name,
        reward="embedded",
        guidance_scale=guidance_scale,
        description=f"{DESCRIPTION} Training step {saved['step']}.",
        licence="Apache-2.0; drawings under the licences in NOTICE",
    )
    FAMILY.save(folder, info, model, load_scale_tokenizer(work_dir), torch.bfloat16)
    sizes = ", ".join(f"{p.name} {p.stat().st_size / 1e6:.1f} MB" for p in sorted(folder.iterdir()))
    announce(f"{folder}: {sizes}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    parser.add_argument("--output", type=Path, default=None, help="folder (default: the package's)")
    parser.add_argument("--guidance-scale", type=float, default=1.5, help="the model's default")
    args = parser.parse_args()
    export(args.work_dir, args.output or embedded_folder("next-scale"), args.guidance_scale)


if __name__ == "__main__":
    main()
