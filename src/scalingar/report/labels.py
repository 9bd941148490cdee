"""Names beside the points of a plot, none on top of another."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

_NEAR = ((6, 4, "left"), (6, -10, "left"), (-6, 4, "right"), (-6, -10, "right"))
"""Offsets in points and which side of the text is held: right of the point if possible, else left of it."""
_OFFSETS = (*_NEAR, *((x, y + away, side) for away in (9, -9, 18, -18) for x, y, side in _NEAR))
"""And where it is crowded, further up or down."""
_MARKER = 4.0
"""Half of a point's side, in pixels, which no name of another point covers."""


def label_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write each name beside its point, the highest first, where it overlaps no earlier one and no other point; if all
    positions overlap, at the first.

    Call it last: later changes of the limits move points and names differently.
    """
    figure = axes.figure
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()
    places = {name: axes.transData.transform(point) for name, point in points.items()}
    markers = {name: Bbox([place - _MARKER, place + _MARKER]) for name, place in places.items()}
    occupied: list[Bbox] = []
    for name, point in sorted(points.items(), key=lambda named: -named[1][1]):
        taken = [*occupied, *(box for other, box in markers.items() if other != name)]
        texts = [
            axes.annotate(name, point, xytext=(x, y), textcoords="offset points", ha=side, fontsize=8.5)
            for x, y, side in _OFFSETS
        ]
        boxes = [text.get_window_extent() for text in texts]
        free = [i for i, box in enumerate(boxes) if not any(box.overlaps(other) for other in taken)]
        chosen = free[0] if free else 0
        occupied.append(boxes[chosen])
        for i, text in enumerate(texts):
            if i != chosen:
                text.remove()
