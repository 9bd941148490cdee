"""Names made of prompts stay inside."""

import random
from pathlib import Path

import pytest

from scalingar.bench.file_names import LONGEST, checked, file_name
from scalingar.core.errors import BenchmarkError


@pytest.mark.parametrize("text", ["a red dog", "ein Hund.", "\u72d7" * 60, "x" * LONGEST, ".hidden", "a ~ b", "CON"])
def test_what_can_be_a_name_is_one(text: str) -> None:
    assert file_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "../../x",
        "/etc/passwd",
        "a\\b",
        "a\0b",
        "a\nb",
        "\x1b[2J",
        "x" * (LONGEST + 1),
        "\u72d7" * 90,
        "\udcff",
    ],
)
def test_what_cannot_is_changed(text: str, tmp_path: Path) -> None:
    name = file_name(text, room=4)
    assert name != text
    assert name == file_name(text, room=4)
    assert len(name.encode()) + 4 <= LONGEST
    (tmp_path / f"{name}.png").write_text("")
    assert [path.name for path in tmp_path.rglob("*.png")] == [f"{name}.png"]


def test_no_two_texts_share_a_name() -> None:
    noise = random.Random(0)
    texts = {"".join(noise.choice("a/\\\0_~") for _ in range(noise.randrange(1, 6))) for _ in range(2000)}
    texts |= {"x" * 300 + str(number) for number in range(50)}
    texts |= {file_name(text) for text in texts}
    assert len({file_name(text) for text in texts}) == len(texts)


def test_paths_of_images_stay_inside() -> None:
    assert checked("00001/0000.png") == "00001/0000.png"
    for path in ("../x.png", "/x.png", "a/../../x.png", "a\\b", "a\0b", "", "x" * 300):
        with pytest.raises(BenchmarkError, match="is no path inside a folder of images"):
            checked(path)
