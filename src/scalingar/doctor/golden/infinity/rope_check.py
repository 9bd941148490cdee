"""Kind ``infinity_rope``: schedules, picture sizes and rotary positions of Infinity's templates."""

import re
from collections.abc import Iterator

import torch
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.doctor.golden.golden_file import CHECKS, EXACT, ROTARY, Comparison, GoldenFile
from scalingar.models.infinity.schedules import TEMPLATES, InfinitySchedule, infinity_schedule

_PRESET = re.compile(r"(schedule|pixel)_([\d.]+)_([\d.]+M)")
_POSITIONS = re.compile(r"positions_([\d.]+)")
_ROTARY = re.compile(r"rope_dim(\d+)_([\d.]+)")


@CHECKS.register("infinity_rope")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Everything exactly but the tables themselves."""
    mode = file.config.get("rope2d_normalized_by_hw", 2)
    if mode != 2:
        raise WeightsError(f"{file.path} has rope2d_normalized_by_hw {mode}; released models use 2, which is known.")
    for name in file.arrays:
        if found := _PRESET.fullmatch(name):
            schedule = infinity_schedule(float(found[2]), found[3])
            told = torch.tensor(schedule.image_size) if found[1] == "pixel" else told_scales(schedule.scales)
            yield file.compare(name, told, EXACT)
        elif found := _POSITIONS.fullmatch(name):
            yield file.compare(name, _positions(infinity_schedule(float(found[1]))), EXACT)
        elif found := _ROTARY.fullmatch(name):
            table = rotary_table(infinity_schedule(float(found[2])), int(found[1]))
            yield file.compare(name, table[:, file[f"rope_rows_{found[2]}"]], ROTARY)
        elif name == "h_div_w_templates_f32":
            yield file.compare(name, torch.tensor(list(TEMPLATES)), ROTARY)


def told_scales(scales: tuple[tuple[int, int], ...]) -> Tensor:
    """Grids the way files write them: ``(1, h, w)``."""
    return torch.tensor([(1, *grid) for grid in scales])


def rotary_table(schedule: InfinitySchedule, head_dim: int) -> Tensor:
    """Cosines, then sines, of all tokens: ``(2, tokens, head_dim / 2)``."""
    return torch.cat([schedule.rotary(scale, head_dim) for scale in range(len(schedule.scales))]).movedim(-1, 0)


def _positions(schedule: InfinitySchedule) -> Tensor:
    return torch.cat([schedule.positions(scale) for scale in range(len(schedule.scales))]).to(torch.uint8)
