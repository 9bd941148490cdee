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
    """Schedules, sizes and positions must be equal, tables within tolerance."""
    check_rotary_mode(file)
    for name in file.arrays:
        if match := _PRESET.fullmatch(name):
            schedule = infinity_schedule(float(match[2]), match[3])
            sizes = torch.tensor(schedule.image_size) if match[1] == "pixel" else grid_rows(schedule.scales)
            yield file.compare(name, sizes, EXACT)
        elif match := _POSITIONS.fullmatch(name):
            yield file.compare(name, _positions(infinity_schedule(float(match[1]))), EXACT)
        elif match := _ROTARY.fullmatch(name):
            table = rotary_table(infinity_schedule(float(match[2])), int(match[1]))
            yield file.compare(name, table[:, file[f"rope_rows_{match[2]}"]], ROTARY)
        elif name == "h_div_w_templates_f32":
            yield file.compare(name, torch.tensor(list(TEMPLATES)), ROTARY)


def check_rotary_mode(file: GoldenFile) -> None:
    """Raises WeightsError for a mode of rotary positions that no released model uses."""
    if (mode := file.config.get("rope2d_normalized_by_hw", 2)) != 2:
        raise WeightsError(f"{file.path} has rope2d_normalized_by_hw {mode}; only 2, of released models, is known.")


def grid_rows(scales: tuple[tuple[int, int], ...]) -> Tensor:
    """Grids as golden files store them: rows ``(1, h, w)``."""
    return torch.tensor([(1, *grid) for grid in scales])


def rotary_table(schedule: InfinitySchedule, head_dim: int) -> Tensor:
    """Cosines and sines of all tokens: ``(2, tokens, head_dim / 2)``."""
    return torch.cat([schedule.rotary(scale, head_dim) for scale in range(len(schedule.scales))]).movedim(-1, 0)


def _positions(schedule: InfinitySchedule) -> Tensor:
    return torch.cat([schedule.positions(scale) for scale in range(len(schedule.scales))]).to(torch.uint8)
