"""Captions against those the reference cleaned, and what happens without the tools for it."""

import sys
import warnings

import pytest

from scalingar.models.prompts import caption_cleaning
from scalingar.models.prompts.caption_cleaning import CleaningWarning, clean_caption

REFERENCE = {
    "A blue Porsche 356 parked in front of a yellow brick wall.": (
        "a blue porsche 356 parked in front of a yellow brick wall."
    ),
    'a stop sign that says "ALL WAY" & <b>STOP</b>': 'a stop sign that says "all way" stop',
    "50% off+sale http://foo.com/x": "50% off sale",
    "state-of-the-art black-and-white photo": "state of the art black and white photo",
    "a cat—dog hybrid “quoted” it’s": 'a cat-dog hybrid "quoted" it\'s',
    "a photo of 3 cats,dogs.and birds": "a photo of 3 cats, dogs. and birds",
    "日本語 cat 猫": "cat",
    "  ***WOW*** (really) [ok] 1920x1080 img_1234.jpg  ": "wow really ok",
    '"hello world"': "hello world",
    "jc6640 6640vc231 page 12": "",
}

BY_HAND = {
    "a <person> and @nick_99 at www.shop.ru/item": "a person and at",
    "free shipping on red shoes": "on red shoes",
    "worldwide free shipping cups": "cups",
    "free download cats": "cats",
    "click for more cats": "cats",
    "png images of cats": "of cats",
    "a cat 192.168.0.1 on a mat": "a cat on a mat",
    "cat #12 and #12345 and 1234567": "cat and and",
    "cat #1234 stays": "cat 1234 stays",
    "a cat .. on . a mat": "a cat on a mat",
    "one-two-three-four": "one-two-three-four",
    "one-two-three-four_five": "one two three four five",
    "AT&amp;T": "at t",
    "a ﬁsh": "a fish",
    "a bmw i8x2": "a bmw",
    "4.5×3 cat": "cat",
    "cat : dog": "cat: dog",
    ":a cat-": "a cat",
    ".hidden": "",
    r"a cat\non a mat": "a cat on a mat",
    "noon 12:30 ": "noon 12:30",
    "": "",
}


@pytest.fixture(autouse=True)
def _fresh_tools() -> None:
    caption_cleaning._tools.cache_clear()


@pytest.mark.parametrize("caption", REFERENCE)
def test_captions_of_the_reference(caption: str) -> None:
    assert clean_caption(caption) == REFERENCE[caption]


@pytest.mark.parametrize("caption", BY_HAND)
def test_steps_by_hand(caption: str) -> None:
    assert clean_caption(caption) == BY_HAND[caption]


@pytest.mark.parametrize("missing", ["ftfy", "bs4"])
def test_without_the_tools_it_lower_cases_and_warns_once(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.warns(CleaningWarning, match=rf"because {missing} is not installed.*pip install 'beautifulsoup4"):
        assert clean_caption(" A <b>Cat</b> ") == "a <b>cat</b>"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert clean_caption("Second") == "second"
    caption_cleaning._tools.cache_clear()
