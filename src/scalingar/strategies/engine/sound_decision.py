"""Whether a decision fits its rows: what an author of a strategy gets wrong is one sentence, no traceback."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from scalingar.strategies.search import Decision, Start


def sound_decision(decision: Any, count: int) -> Decision:
    """The decision on ``count`` rows in arrays of its own, so that nobody changes them later.

    Raises ValueError with what is wrong.
    """
    if not isinstance(decision, Decision):
        raise ValueError(f"a {type(decision).__name__} is no Decision")
    rows = _rows(decision.rows, count)
    reasons = list(decision.reasons) if isinstance(decision.reasons, list | tuple) else []
    if len(reasons) != count:
        raise ValueError(f"there are {len(reasons)} reasons")
    going = set(rows.tolist())
    for row, reason in enumerate(reasons):
        if (reason is None) != (row in going) or reason == "" or not isinstance(reason, str | None):
            raise ValueError(f"row {row} ends without a reason, or goes on with one")
    if not isinstance(decision.start, Start):
        raise ValueError(f"start={decision.start!r} is no Start")
    scales, second = (_scales(name, getattr(decision, name), count) for name in ("guidance_scale", "second_scale"))
    trace = {name: _column(name, values, count) for name, values in dict(decision.trace or {}).items()}
    return Decision(rows, reasons, scales, trace, decision.start, second)


def _scales(name: str, values: Any, count: int) -> Float[np.ndarray, " n"] | None:
    if values is None:
        return None
    scales = _column(name, values, count)
    if not np.isfinite(scales).all():
        raise ValueError(f"{name}={scales.tolist()} is not finite")
    return scales


def _rows(rows: Any, count: int) -> Int[np.ndarray, " m"]:
    array = np.array(rows)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"rows={rows!r} must be a list of row numbers")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < count:
        raise ValueError(f"rows={array.tolist()} names one that is not there")
    return array.astype(np.int64)


def _column(name: str, values: Any, count: int) -> Float[np.ndarray, " n"]:
    array = np.array(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds no numbers")
    if array.shape != (count,):
        raise ValueError(f"{name} has the shape {array.shape}")
    return array if array.dtype.kind == "f" else array.astype(np.float32)
