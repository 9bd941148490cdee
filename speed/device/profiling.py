"""Where the time goes: kernels of twenty steps, and functions of the host in a whole run, in text files."""

import cProfile
import io
import pstats
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from speed.device.image_models import PROMPT, complete
from speed.device.random_models import llamagen_pipe
from speed.device.report import Row
from speed.device.sizes import Sizes
from speed.device.timing import FIRST, synchronised

STEPS, KERNELS = 20, 40


def profile(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
    """``kernels.txt``: by the device's time. ``host.txt``: by own time on the host."""
    pipe = llamagen_pipe(sizes.llamagen[sizes.main], sizes, device)
    steps = iter(complete(pipe, sizes.profiled_rows))
    for _ in islice(steps, FIRST):
        pass
    synchronised(device)
    cuda = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with torch_profile(activities=activities) as profiler:
        for _ in islice(steps, STEPS):
            pass
        synchronised(device)
    order = "self_cuda_time_total" if cuda else "self_cpu_time_total"
    table = profiler.key_averages().table(sort_by=order, row_limit=KERNELS, max_name_column_width=90)
    (folder / "kernels.txt").write_text(f"{STEPS} steps at {sizes.profiled_rows} rows\n{table}\n", "utf-8")
    yield {"file": "kernels.txt"}
    strategy: Any = {"name": "scaling-ar", "num_trajectories": sizes.trajectories}
    run = partial(pipe, PROMPT, strategy=strategy)
    run(seed=100)
    profiler_of_host = cProfile.Profile()
    profiler_of_host.runcall(run, seed=1)
    text = io.StringIO()
    pstats.Stats(profiler_of_host, stream=text).sort_stats("tottime").print_stats(60)
    (folder / "host.txt").write_text(text.getvalue(), "utf-8")
    yield {"file": "host.txt"}
