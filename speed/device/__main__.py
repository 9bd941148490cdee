"""``python -m speed.device --out FOLDER``: seconds and memory on a GPU, in ``device.json`` and ``device.md``.

Weights are random, of published sizes, in bf16, and made on the device; T5 is left out. Both files are written after
every row, so that a run that is stopped keeps what it has; a part that fails is named with its error, and the next one
runs. ``--tiny --device cpu`` runs everything once in tiny sizes, to see that it runs.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from speed.device.image_models import janus, llamagen_step, scaling_ar
from speed.device.profiling import profile
from speed.device.report import Report, Row
from speed.device.scale_models import infinity, var
from speed.device.sizes import PUBLISHED, TINY, Sizes

Part = Callable[[Sizes, torch.device, Path], Iterator[Row]]
PARTS: dict[str, Part] = {
    "llamagen": llamagen_step,
    "scaling-ar": scaling_ar,
    "janus": janus,
    "var": var,
    "infinity": infinity,
    "profile": profile,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", default=",".join(PARTS), help="with commas, in this order: " + ", ".join(PARTS))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8.0, help="parts and rows that would begin later are left out")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes")
    parser.add_argument("--sizes", type=listed, help="of the part llamagen, such as B,XL")
    parser.add_argument("--rows", type=listed, help="of the part llamagen, such as 2,16")
    parser.add_argument("--kinds", type=listed, help="of the part llamagen: eager, captured, compiled")
    args = parser.parse_args()
    device, sizes = torch.device(args.device), TINY if args.tiny else PUBLISHED
    sizes = sizes.only(args.sizes, args.rows, args.kinds)
    names = args.parts.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    args.out.mkdir(parents=True, exist_ok=True)
    report = Report.start(args.out, device)
    end = time.perf_counter() + 60 * args.minutes
    for name in names:
        run(name, sizes, device, report, end)
    print((args.out / "device.md").read_text("utf-8"))


def listed(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(text.split(","))


def run(name: str, sizes: Sizes, device: torch.device, report: Report, end: float) -> None:
    """One part, row by row, until the time is over."""
    started = time.perf_counter()
    report.begin(name)
    try:
        if started < end:
            for row in PARTS[name](sizes, device, report.folder):
                report.add(name, row)
                if time.perf_counter() > end:
                    break
    except Exception as error:  # what other parts measured must not be lost
        report.failed(name, error)
    report.finish(name, time.perf_counter() - started, complete=time.perf_counter() < end)
    if device.type == "cuda":
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
