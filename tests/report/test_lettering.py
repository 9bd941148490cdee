from hypothesis import given
from hypothesis import strategies as st

from scalingar.report.lettering import font, wrapped


@given(st.text("abc mW", max_size=80), st.integers(30, 300))
def test_lines_fit_and_lose_no_letter(text: str, width: int) -> None:
    lines = wrapped(text, 14, width)
    assert all(font(14).getlength(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_words_stay_whole_where_they_can() -> None:
    assert wrapped("red apple", 14, 75) == ["red apple"]
    assert wrapped("red apple", 14, 60) == ["red", "apple"]
    assert wrapped("", 14, 60) == [""]


def test_bold_is_wider() -> None:
    assert font(14, bold=True).getlength("apple") > font(14).getlength("apple")
