"""True pictures of the embedded world under ``data/world``, with prompts they show and prompts they do not."""

from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parents[1] / "data" / "world"
RENDERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "dog": ("dog", ("cat", "dog and cat", "two dog", "blue dog")),
    "zebra-and-banana": ("zebra and banana", ("zebra and apple", "two zebra", "horse and banana")),
    "three-clock": ("three clock", ("two clock", "four clock", "three donut")),
    "blue-apple": ("blue apple", ("red apple", "blue orange", "apple and banana")),
    "bus-above-cat": ("bus above cat", ("bus below cat", "cat above bus", "bus left of cat", "bus above dog")),
    "red-cup-and-yellow-chair": (
        "red cup and yellow chair",
        ("yellow cup and red chair", "red cup and green chair", "red cup and yellow bench"),
    ),
}
"""By file: the phrase of GenEval's grammar it shows, and phrases that something is wrong with."""


def render(name: str) -> Image.Image:
    return Image.open(FOLDER / f"{name}.png")
