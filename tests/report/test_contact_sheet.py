import pytest
from PIL import Image, ImageColor

from scalingar.report.contact_sheet import LARGEST, MARGIN, SMALLEST, Tile, contact_sheet, fitted, tiles_of
from scalingar.report.palette import CHOSEN
from tests.tiny.package import candidate, result

RED = Image.new("RGB", (16, 16), (255, 0, 0))


def colours(sheet: Image.Image) -> set[tuple[int, ...]]:
    found = sheet.getcolors(sheet.width * sheet.height)
    assert found is not None
    return {colour for count, colour in found if isinstance(colour, tuple) and count > 500}


def test_small_pictures_grow_by_whole_pixels() -> None:
    image = Image.effect_noise((24, 12), 90).convert("RGB")
    large = fitted(image)
    assert large.size == (24 * 11, 12 * 11)
    assert large.getpixel((11 * 5 + 10, 11 * 3)) == image.getpixel((5, 3))
    assert len(large.getcolors(10**6) or ()) == len(image.getcolors(10**6) or ())


def test_large_pictures_shrink_and_others_stay() -> None:
    assert fitted(Image.new("RGB", (1024, 512))).size == (LARGEST, LARGEST // 2)
    assert fitted(Image.new("L", (SMALLEST, 100))).size == (SMALLEST, 100)


def test_only_the_chosen_one_is_framed_and_only_cut_ones_are_dimmed() -> None:
    framed = contact_sheet([Tile(RED, "#0", "finished", chosen=True)], "a dog")
    plain = contact_sheet([Tile(RED, "#0", "finished")], "a dog")
    dimmed = contact_sheet([Tile(RED, "#0", "cut", dimmed=True)], "a dog")
    assert {(255, 0, 0), ImageColor.getrgb(CHOSEN)} <= colours(framed)
    assert (255, 0, 0) in colours(plain)
    assert ImageColor.getrgb(CHOSEN) not in colours(plain)
    assert (255, 0, 0) not in colours(dimmed)
    assert any(red == 255 and green == blue > 100 for red, green, blue in colours(dimmed) - {(255, 255, 255)})


def test_tiles_fill_rows_of_four_or_more() -> None:
    width = {n: contact_sheet([Tile(RED, "#", "")] * n, "t").width for n in (1, 2, 4, 5, 8, 16, 25)}
    assert width[1] < width[2] < width[4] == width[5] == width[8] == width[16] < width[25]
    assert width[1] == SMALLEST + 2 * MARGIN


def test_long_words_and_prompts_make_room_for_themselves() -> None:
    short = contact_sheet([Tile(RED, "#0", "finished")], "a dog")
    long = contact_sheet([Tile(RED, "#0", "finished")], "a dog " * 40)
    word = contact_sheet([Tile(RED, "#0", "finished " + "x" * 100)], "a dog")
    assert long.width == short.width == word.width
    assert long.height > short.height
    assert word.height > short.height


def test_captions_say_what_became_of_a_trajectory() -> None:
    first, _, third, fourth = tiles_of(result(), lambda one: one.image or RED)
    assert (first.heading, first.caption, first.chosen, first.dimmed) == ("#0", "finished · C 0.500", True, False)
    assert third.caption == "cut at step 4 · C 0.400\nconfidence below threshold"
    assert (fourth.chosen, fourth.dimmed) == (False, True)
    rewarded = result(cut=0)
    rewarded.candidates[0].rewards["pmi"] = 12.3456
    assert tiles_of(rewarded, lambda _: RED)[0].caption == "finished · C 0.500 · pmi 12.346"
    rewarded.candidates[0].signals["verifier"] = 0.5
    assert tiles_of(rewarded, lambda _: RED)[0].caption == "finished · C 0.500 · verifier 0.500 · pmi 12.346"
    untraced = candidate(0)
    untraced.trace.clear()
    rewarded.candidates[0] = untraced
    assert tiles_of(rewarded, lambda _: RED)[0].caption == "finished · C unknown"


def test_captions_say_what_the_strategy_chose_by() -> None:
    shown = result()
    shown.candidates[0].signals = {"confidence": 0.25, "final_confidence": 0.5}
    for chosen_by, caption in ((None, ""), ("final_confidence", ""), ("confidence", " · confidence 0.250")):
        assert tiles_of(shown, lambda _: RED, chosen_by)[0].caption == f"finished · C 0.500{caption}"


def test_a_sheet_needs_a_picture() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([], "a dog")
