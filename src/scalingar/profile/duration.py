"""Lengths of time within a trajectory, in steps or as a share of its steps."""

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Annotated, Any

from pydantic import BeforeValidator

from scalingar.core.errors import ConfigError


def _checked(value: Any) -> int | float:
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral) and 0 < float(value) < 1:
        return float(value)
    raise ValueError("must be a whole number of steps, at least 1, or a share of T between 0 and 1")


Duration = Annotated[int | float, BeforeValidator(_checked)]
"""An integer: steps. A float between 0 and 1: a share of T, so that models of all sizes wait for as much of an image.

The papers print steps (32), which are 3 % of LlamaGen's 1024 and 22 % of a small model's 144.
"""


def steps_of(duration: int | float, total_steps: int) -> int:
    """A duration in steps of a trajectory of T = ``total_steps``; a share is rounded up."""
    return duration if isinstance(duration, int) else share_of(duration, total_steps)


def share_of(share: float, total_steps: int) -> int:
    """A share of a number, such as of T, rounded up."""
    # 0.1 * 30 is 3.0000000000000004 in binary, which must not become 4.
    return math.ceil(round(share * total_steps, 9))


def steps_before_end(shares: Iterable[float], total_steps: int, step_name: str, what: str) -> list[int]:
    """The numbers of steps at which these shares of all are drawn, for ``what`` decides then.

    Raises ConfigError: a share is rounded up to the last step, when nothing is left to decide about.
    """
    steps = {share: share_of(share, total_steps) for share in shares}
    late = [share for share, step in steps.items() if step >= total_steps]
    if late:
        raise ConfigError(
            f"an image of this model has {total_steps} {step_name}s, so that a {what} after {late[0]} of them comes "
            f"when all are drawn; give at most {math.floor(1000 * (total_steps - 1) / total_steps) / 1000}."
        )
    return list(steps.values())
