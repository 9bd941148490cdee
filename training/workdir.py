"""The folder of intermediate files, and messages about progress."""

import argparse
import sys
import time
from pathlib import Path

DEFAULT = Path("~/.cache/scalingar/training")


def add_work_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--work-dir",
        type=lambda text: Path(text).expanduser(),
        default=DEFAULT.expanduser(),
        help=f"folder of art, caches and checkpoints (default {DEFAULT})",
    )


def announce(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stdout, flush=True)
