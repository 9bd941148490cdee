"""Tables and numbers with errors, as Markdown."""

from scalingar.report.markdown import markdown_table, with_error, with_interval


def test_a_table_has_a_rule_under_its_head_and_aligns_numbers_to_the_right() -> None:
    assert markdown_table(["name", "score"], [["a", "1"]]) == "| name | score |\n| --- | ---: |\n| a | 1 |\n"


def test_a_bar_in_a_cell_begins_no_other_one() -> None:
    assert markdown_table(["a|b"], [["c|d"]]) == "| a\\|b |\n| --- |\n| c\\|d |\n"


def test_an_error_that_is_not_known_is_left_out() -> None:
    assert with_error(0.5, 0.0125) == "0.500 ± 0.013"
    assert with_error(0.5, None) == "0.500"


def test_the_numbers_of_a_difference_have_signs() -> None:
    assert with_interval(0.1, -0.05, 0.25, sign="+") == "+0.100 [-0.050, +0.250]"
    assert with_interval(0.1, -0.05, 0.25) == "0.100 [-0.050, 0.250]"
