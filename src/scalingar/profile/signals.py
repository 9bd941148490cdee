"""Signals of a whole trajectory, computed from the logits of its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

GROUP = 32
"""Steps in a group of the lowest group confidence."""
CONFIDENCE = ("confidence", "final_confidence")
"""Those that C tells, which depend on the other trajectories of an image where windows are pooled over them."""


def signals(trace: Mapping[str, Float[np.ndarray, " t"]], drawn: int) -> dict[str, float]:
    """Signals of `t` steps of a trajectory, by name.

    * pmi: Σ_t [ln p(x_t|c) − ln p(x_t|∅)] in nats, how much the drawn tokens depend on the prompt.
    * log_likelihood: mean ln p(x_t|c) of the drawn tokens, in nats.
    * entropy, deepconf: means of Eqs. (3) and (4) in nats.
    * confidence, final_confidence: mean and last C of Eq. (11).
    * lowest_group_confidence: smallest mean of DeepConf over 32 consecutive steps, in nats
      (over all steps while there are fewer).

    Before the first token all but the final confidence are NaN, the PMI 0.

    Args:
        trace: `entropy`, `deepconf`, `C`, `log_p` = ln p(x_t|c) and `log_p_null` = ln p(x_t|∅), each `(t,)`.
        drawn: tokens drawn; the trace of a cut trajectory also has the step of the cut, which counts
            for the final confidence only.
    """
    seen = {
        name: trace[name][:drawn].astype(np.float64) for name in ("entropy", "deepconf", "C", "log_p", "log_p_null")
    }
    values = {
        "pmi": (seen["log_p"] - seen["log_p_null"]).sum(),
        "log_likelihood": _mean(seen["log_p"]),
        "entropy": _mean(seen["entropy"]),
        "deepconf": _mean(seen["deepconf"]),
        "confidence": _mean(seen["C"]),
        "lowest_group_confidence": lowest_group(seen["deepconf"]),
        "final_confidence": trace["C"][-1] if len(trace["C"]) else np.nan,
    }
    return {name: float(value) for name, value in values.items()}


def lowest_group(deepconf: Float[np.ndarray, " t"]) -> float:
    """The smallest mean over 32 consecutive steps; over all steps if there are fewer."""
    if len(deepconf) < GROUP:
        return _mean(deepconf)
    return float(np.lib.stride_tricks.sliding_window_view(deepconf, GROUP).mean(-1).min())


def _mean(values: Float[np.ndarray, " t"]) -> float:
    return float(values.mean()) if len(values) else float("nan")
