from itertools import combinations

from scalingar.report.figure import new_figure
from scalingar.report.labels import label_points

CLOSE = {"best-of-8": (3584.0, 0.570), "importance-sampling": (3584.0, 0.565), "random-of-8": (3584.0, 0.568)}


def test_names_of_close_points_do_not_cover_each_other() -> None:
    figure = new_figure(7.5, 4.8)
    axes = figure.subplots()
    axes.plot([0.0, 8000.0], [0.3, 0.6], "o")
    label_points(axes, CLOSE)
    figure.draw_without_rendering()
    assert [text.get_text() for text in axes.texts] == ["best-of-8", "random-of-8", "importance-sampling"]
    boxes = [text.get_window_extent() for text in axes.texts]
    assert boxes[0].y0 > boxes[1].y0, "the higher point has the higher name"
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_name_is_there_even_where_no_place_is_free() -> None:
    axes = new_figure(7.5, 4.8).subplots()
    label_points(axes, {f"run {i}": (1.0, 1.0) for i in range(6)})
    assert len(axes.texts) == 6


def test_a_name_covers_no_other_point() -> None:
    points = {"threshold": (1697.0, 0.579), "allocate": (1792.0, 0.576)}
    figure = new_figure(8.5, 5.6)
    axes = figure.subplots()
    axes.plot([400.0, 3600.0], [0.3, 0.6], "o")
    label_points(axes, points)
    figure.draw_without_rendering()
    for text in axes.texts:
        box = text.get_window_extent()
        others = (place for name, place in points.items() if name != text.get_text())
        assert not any(box.contains(*axes.transData.transform(place)) for place in others)
