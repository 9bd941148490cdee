import pickle
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scalingar import __version__
from scalingar.core.errors import OutputError, WeightsError
from scalingar.core.pixels import png_bytes
from scalingar.core.sampling_config import SamplingConfig
from scalingar.pipeline.png import KEY, Picture, RecipeInfo, read_recipe
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import BestOfN

INFO = RecipeInfo(
    recipe=Recipe(
        prompt='ein Hund, "犬" 🐕',
        strategy=BestOfN(num_trajectories=3),
        sampling=SamplingConfig(top_k=5),
        noise="device",
        num_images_per_prompt=3,
    ),
    image=2,
    trajectory=1,
    weights={"transformer.safetensors": "ab", "tokenizer.safetensors": "cd"},
    version="0.1.0",
    torch="2.6.0",
    threads=1,
)


def test_pixels_and_recipe_come_back(tmp_path: Path) -> None:
    image = Image.effect_noise((9, 7), 80).convert("RGB")
    Picture.of(image, INFO).save(tmp_path / "image.png")
    assert read_recipe(tmp_path / "image.png") == INFO
    with Image.open(tmp_path / "image.png") as read:
        assert read.tobytes() == image.tobytes()


def test_the_same_picture_gives_the_same_file(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4), "red")
    Picture.of(image, INFO).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == png_bytes(Picture.of(image, INFO))


def test_a_picture_is_an_image_like_any_other(tmp_path: Path) -> None:
    image = Image.effect_noise((9, 7), 80).convert("RGB")
    picture = Picture.of(image, INFO)
    assert (picture.size, picture.mode, picture.tobytes()) == (image.size, image.mode, image.tobytes())
    image.putpixel((0, 0), (1, 2, 3))
    assert picture.tobytes() != image.tobytes(), "it has pixels of its own"
    again = pickle.loads(pickle.dumps(picture))
    assert isinstance(again, Picture)
    assert again == picture
    picture.save(tmp_path / "image.jpg", quality=90)
    assert Image.open(tmp_path / "image.jpg").size == (9, 7)
    with (tmp_path / "file.png").open("wb") as file:
        picture.save(file, "PNG")
    assert read_recipe(tmp_path / "file.png") == INFO
    assert Image.open(tmp_path / "file.png").info[KEY] == picture.info[KEY]


def test_a_picture_that_does_not_name_its_noise_has_the_hosts() -> None:
    """Pictures of earlier versions, drawn on any device."""
    told = INFO.model_dump(mode="json")
    assert told["recipe"].pop("noise") == "device"
    told["recipe"]["model"]["device"] = "cuda"
    assert RecipeInfo.model_validate(told).recipe.noise == "host"


def test_what_was_changed_has_no_recipe(tmp_path: Path) -> None:
    picture = Picture.of(Image.new("RGB", (4, 4)), INFO)
    picture.resize((8, 8)).save(tmp_path / "large.png")
    picture.save(tmp_path / "told.png", pnginfo=PngInfo())
    for name in ("large.png", "told.png"):
        with pytest.raises(OutputError, match="holds no recipe"):
            read_recipe(tmp_path / name)


def png(path: Path, text: str | None) -> Path:
    chunks = PngInfo()
    if text is not None:
        chunks.add_text(KEY, text)
    Image.new("RGB", (2, 2)).save(path, pnginfo=chunks)
    return path


def test_a_picture_without_a_usable_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"holds no recipe; give a picture as it was drawn, such as"):
        read_recipe(png(tmp_path / "plain.png", None))
    for text in ("{", INFO.model_dump_json()[:-9], "not a recipe"):
        with pytest.raises(OutputError, match=r"holds a recipe that is damaged \(it is no JSON\); copy the file again"):
            read_recipe(png(tmp_path / "damaged.png", text))


def here(old: str = "", new: str = "") -> str:
    return INFO.model_copy(update={"version": __version__}).model_dump_json().replace(old, new)


def test_what_was_changed_and_what_another_version_wrote_are_told_apart(tmp_path: Path) -> None:
    changes = ('"seed"', '"sead"', "sead is no setting"), ("best-of-n", "best-of-all", "best-of-all")
    for old, new, why in changes:
        with pytest.raises(OutputError, match=rf"that cannot be followed \(.*{why}.*; it was changed, or named"):
            read_recipe(png(tmp_path / "changed.png", here(old, new)))
        text = here(old, new).replace(f'"version":"{__version__}"', '"version":"9.1"')
        with pytest.raises(OutputError, match=rf"of scalingar '9.1' that .* cannot follow \(.*{why}.*; use that"):
            read_recipe(png(tmp_path / "later.png", text))
    for text in ("{}", "[]", "3", here()[:-1] + ',"x":1}'):
        with pytest.raises(OutputError, match="a recipe that cannot be followed"):
            read_recipe(png(tmp_path / "other.png", text))
    assert read_recipe(png(tmp_path / "same.png", here())).version == __version__


def test_what_is_no_png_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        read_recipe(tmp_path / "none.png")
    Image.new("RGB", (2, 2)).save(tmp_path / "image.jpg")
    with pytest.raises(OutputError, match="is no PNG"):
        read_recipe(tmp_path / "image.jpg")
    with pytest.raises(OutputError, match="cannot read"):
        read_recipe(tmp_path)
    Picture.of(Image.effect_noise((64, 64), 80), INFO).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OutputError, match="cannot read"):
        read_recipe(tmp_path / "cut.png")


def test_other_weights_are_refused_by_name(tmp_path: Path) -> None:
    INFO.check_weights(dict(INFO.weights), tmp_path)
    with pytest.raises(WeightsError, match=r"\(tokenizer.safetensors differ\)"):
        INFO.check_weights({**INFO.weights, "tokenizer.safetensors": "00"}, tmp_path)
    with pytest.raises(WeightsError, match=r"tokenizer\.safetensors, transformer\.safetensors"):
        INFO.check_weights({}, tmp_path)
