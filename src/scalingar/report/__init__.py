"""The pictures, tables and traces that show how an image came about, drawn from results alone: knows no pipeline."""

from scalingar.report.animation import animation
from scalingar.report.confidence_plot import confidence_plot
from scalingar.report.contact_sheet import Tile, contact_sheet, tiles_of
from scalingar.report.entropy_map import entropy_map
from scalingar.report.plain import result_dict
from scalingar.report.scale_strip import scale_strip
from scalingar.report.tables import ledger_table, trajectory_table

__all__ = [
    "Tile",
    "animation",
    "confidence_plot",
    "contact_sheet",
    "entropy_map",
    "ledger_table",
    "result_dict",
    "scale_strip",
    "tiles_of",
    "trajectory_table",
]
