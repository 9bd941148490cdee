import matplotlib
import numpy as np
from matplotlib._pylab_helpers import Gcf
from matplotlib.axes import Axes
from numpy.testing import assert_array_equal

from scalingar.report.confidence_plot import confidence_plot
from scalingar.report.figure import png_bytes
from scalingar.report.palette import CHOSEN, CUT, FINISHED
from tests.tiny.package import result


def lines(axes: Axes, colour: str, marker: str = "None") -> list[np.ndarray]:
    return [
        np.asarray(line.get_ydata())
        for line in axes.lines
        if line.get_color() == colour and line.get_marker() == marker and line.get_linestyle() != "--"
    ]


def test_every_trajectory_has_its_line() -> None:
    run = result(cut=2, finished=3)
    upper, lower = confidence_plot(run).axes
    assert_array_equal(lines(upper, CHOSEN)[0], run.best.trace["C"])
    assert_array_equal(lines(lower, CHOSEN)[0], run.best.trace["s"])
    assert [len(values) for values in lines(upper, FINISHED)] == [16, 16]
    assert [len(values) for values in lines(upper, CUT)] == [5, 6]


def test_crosses_stand_where_trajectories_were_cut() -> None:
    upper, _ = confidence_plot(result()).axes
    crosses = [line for line in upper.lines if line.get_marker() == "x"]
    assert [np.asarray(line.get_xdata()).tolist() for line in crosses] == [[4], [5]]


def test_a_cut_after_the_draw_stands_at_its_step_too() -> None:
    run = result(cut=1)
    cut = run.candidates[-1]
    assert cut.cut is not None
    cut.trace["C"] = cut.trace["C"][: cut.cut.step]  # nothing was read for the step that was not drawn
    upper, _ = confidence_plot(run).axes
    (cross,) = [line for line in upper.lines if line.get_marker() == "x"]
    assert np.asarray(cross.get_xdata()).tolist() == [cut.cut.step]
    assert np.asarray(cross.get_ydata()).tolist() == [cut.trace["C"][-1]]


def legend(run_cut: int, *, theta: bool) -> list[str]:
    run = result(cut=run_cut)
    if not theta:
        run.best.trace["theta"][:] = np.nan
    return [text.get_text() for text in confidence_plot(run).legends[0].get_texts()]


def test_the_legend_names_only_what_is_there() -> None:
    assert legend(2, theta=True) == ["chosen (#0)", "finished (1)", "cut (2)", "threshold θ"]
    assert legend(0, theta=False) == ["chosen (#0)", "finished (1)"]


def test_a_constant_scale_is_shown_in_plain_numbers() -> None:
    _, lower = confidence_plot(result()).axes
    low, high = lower.get_ylim()
    assert low < 1.95
    assert high > 2.05


def test_one_step_is_enough() -> None:
    run = result(cut=0, finished=1)
    for name, values in run.best.trace.items():
        run.best.trace[name] = values[:1]
    run.best.codes = run.best.codes[:1]
    assert png_bytes(confidence_plot(run)).startswith(b"\x89PNG")


def test_drawing_leaves_matplotlib_alone_and_is_repeatable() -> None:
    before = dict(matplotlib.rcParams)
    assert png_bytes(confidence_plot(result())) == png_bytes(confidence_plot(result()))
    assert dict(matplotlib.rcParams) == before
    assert not Gcf.get_all_fig_managers()


def test_a_prompt_is_no_formula() -> None:
    figure = confidence_plot(result("costs $5 or \\frac{ $6, 犬"))
    assert png_bytes(figure).startswith(b"\x89PNG")
    assert figure.axes[0].get_title(loc="left") == "costs $5 or \\frac{ $6, 犬"
