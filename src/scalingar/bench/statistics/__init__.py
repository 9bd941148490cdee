"""Scores with their errors, differences, calibration and AUC: pure functions of arrays."""

from scalingar.bench.statistics.binned import Bin, calibration_bins, expected_calibration_error
from scalingar.bench.statistics.paired import Difference, paired_bootstrap
from scalingar.bench.statistics.proportions import wilson_interval
from scalingar.bench.statistics.ranking import auc, auc_interval
from scalingar.bench.statistics.task_scores import Estimate, ScoreTable, overall, ratio, task_estimates

__all__ = [
    "Bin",
    "Difference",
    "Estimate",
    "ScoreTable",
    "auc",
    "auc_interval",
    "calibration_bins",
    "expected_calibration_error",
    "overall",
    "paired_bootstrap",
    "ratio",
    "task_estimates",
    "wilson_interval",
]
