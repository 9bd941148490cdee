"""How much people agree in what they say of the same things."""

import numpy as np
from jaxtyping import Float, Int


def krippendorff_alpha(values: Int[np.ndarray, " n"], units: Int[np.ndarray, " n"], levels: int) -> float:
    """Krippendorff's α of ratings on an ordered scale: 1 all agree, 0 as by chance, below 0 worse than that.

    α = 1 − D_o / D_e with the ordinal difference δ²_ck = (Σ_{g=c..k} n_g − (n_c + n_k)/2)² (Krippendorff 2004, Content
    Analysis, ch. 11; Hayes & Krippendorff 2007). Any number of people may have rated a thing; things that fewer than
    two rated are left out.

    Args:
        values: 0 to ``levels`` − 1.
        units: which thing each value is of.
        levels: of the scale.

    Returns NaN where nothing was rated twice, or all values are the same.
    """
    _, unit = np.unique(units, return_inverse=True)
    table = np.zeros((int(unit.max(initial=-1)) + 1, levels))
    np.add.at(table, (unit.ravel(), values), 1.0)
    table = table[table.sum(1) >= 2]
    if not len(table):
        return float("nan")
    weights = 1 / (table.sum(1) - 1)
    # Coincidences: each unit's pairs of different people, m_u values giving each value a weight of 1.
    observed = (table * weights[:, None]).T @ table - np.diag((table * weights[:, None]).sum(0))
    totals = observed.sum(0)
    n = totals.sum()
    expected = (np.outer(totals, totals) - np.diag(totals)) / (n - 1)
    distance = _ordinal(totals)
    chance = float((expected * distance).sum())
    return 1 - float((observed * distance).sum()) / chance if chance > 0 else float("nan")


def _ordinal(totals: Float[np.ndarray, " l"]) -> Float[np.ndarray, "l l"]:
    """δ² between levels, by how many values lie between them."""
    middle = np.cumsum(totals) - totals / 2
    return (middle[:, None] - middle[None, :]) ** 2
