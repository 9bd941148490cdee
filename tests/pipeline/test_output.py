"""What a call in Python leaves: the files that ``generate`` leaves, and a recipe in every picture."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.cli.main import main
from scalingar.core.errors import ConfigError, OutputError
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import read_recipe
from scalingar.strategies import BestOfN
from tests.tiny import scale_pipes
from tests.tiny.package import save_tiny_package
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def pipe(package: Path) -> ImagePipeline:
    return ImagePipeline.from_pretrained(package)


@pytest.fixture(scope="module")
def two(pipe: ImagePipeline) -> ImageOutput:
    return pipe(["a dog", "a red apple"], strategy="scaling-ar", num_images_per_prompt=2, num_trajectories=2, seed=5)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def drawn_again(source: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether ``--like`` draws the picture again, pixel by pixel."""
    assert main(["generate", "--like", str(source), "-o", str(folder), "--json"]) == 0
    assert contents(folder)["image.png"] == source.read_bytes()
    return bool(json.loads(capsys.readouterr().out)["identical"])


def without_seconds(content: bytes) -> dict[str, object]:
    trace = json.loads(content)
    trace["ledger"] = {name: value for name, value in trace["ledger"].items() if "seconds" not in name}
    return dict(trace)


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("family", ["next-token", "next-scale"])
def test_saving_leaves_what_generate_leaves(family: str, repeats: int, package: Path, tmp_path: Path) -> None:
    model, prompt = package, PROMPT
    if family == "next-scale":
        model, prompt = tmp_path / "model", "3"
        model.mkdir()
        scale_pipes.save_var(model)
    strategy = {"reward": "confidence"} if family == "next-scale" else {}
    words = [
        *(f"strategy.{name}={value}" for name, value in strategy.items()),
        "--model",
        str(model),
        "-n",
        "2",
        "-k",
        str(repeats),
        "--seed",
        "5",
        "--top-k",
        "9",
    ]
    assert main(["generate", prompt, *words, "-o", str(tmp_path / "cli"), "-q"]) == 0
    pipe = ImagePipeline.from_pretrained(model)
    sampling = pipe.sampling.model_validate({"top_k": 9})
    output = pipe(
        prompt, strategy=strategy, num_trajectories=2, num_images_per_prompt=repeats, seed=5, sampling=sampling
    )
    files = output.save(tmp_path / "python")
    told, expected = contents(tmp_path / "python"), contents(tmp_path / "cli")
    assert {path.name for path in files} == set(told)
    assert without_seconds(told.pop("trace.json")) == without_seconds(expected.pop("trace.json"))
    assert told == expected


def test_a_picture_is_saved_with_its_recipe(
    pipe: ImagePipeline, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = pipe(PROMPT, strategy="best-of-n", num_trajectories=3, seed=2, guidance_scale=1.5)
    output.images[0].save(tmp_path / "apple.png")
    info = read_recipe(tmp_path / "apple.png")
    assert info == output.infos[0]
    assert (info.recipe.prompt, info.recipe.seed, info.recipe.guidance_scale) == (PROMPT, 2, 1.5)
    assert info.recipe.model.name == str(package)
    assert isinstance(info.recipe.strategy, BestOfN)
    assert info.recipe.sampling == pipe.sampling
    assert info.trajectory == output.results[0].chosen
    assert drawn_again(tmp_path / "apple.png", tmp_path / "again", capsys)


def test_a_recipe_calls_its_pipeline(two: ImageOutput) -> None:
    info = two.infos[3]
    again = ImagePipeline.load(info.recipe.model)(**info.recipe.arguments())
    assert again.infos[info.image] == info
    assert again.images[info.image] == two.images[3]


def test_several_prompts_have_a_recipe_each(
    two: ImageOutput, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [("a dog", 5, 0), ("a dog", 5, 1), ("a red apple", 5, 0), ("a red apple", 5, 1)]
    assert [(info.recipe.prompt, info.recipe.seed, info.image) for info in two.infos] == wanted
    files = two.save(tmp_path / "all")
    trace = json.loads((tmp_path / "all" / "trace.json").read_text())
    assert "prompt" not in trace["recipe"], "it is not the same for all"
    assert [(one["prompt"], one["seed"]) for one in trace["images"]] == [
        ("a dog", 5),
        ("a dog", 6),
        ("a red apple", 5),
        ("a red apple", 6),
    ]
    assert drawn_again(files[2], tmp_path / "again", capsys)


def test_seeds_of_a_list_are_those_of_their_pictures(
    pipe: ImagePipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = pipe(PROMPT, num_images_per_prompt=2, num_trajectories=2, seed=[9, 3])
    assert [(info.recipe.seed, info.image) for info in output.infos] == [(9, 0), (3, 0)]
    output.images[1].save(tmp_path / "second.png")
    assert drawn_again(tmp_path / "second.png", tmp_path / "again", capsys)


def test_other_output_types_are_saved_as_pictures(pipe: ImagePipeline, tmp_path: Path) -> None:
    array = pipe(PROMPT, output_type="np", num_trajectories=2, seed=5)
    assert isinstance(array.images[0], np.ndarray)
    array.save(tmp_path / "np")
    pipe(PROMPT, num_trajectories=2, seed=5).save(tmp_path / "pil")
    assert contents(tmp_path / "np")["image.png"] == contents(tmp_path / "pil")["image.png"]


def test_what_python_brought_is_named_and_cannot_be_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Mine(BestOfN):
        pass

    made = tiny_pipe()
    made("a dog", strategy="single").save(tmp_path / "model")
    assert read_recipe(tmp_path / "model" / "image.png").recipe.model.name == "python:tiny"
    assert main(["generate", "--like", str(tmp_path / "model" / "image.png"), "-o", str(tmp_path / "a")]) == 1
    assert "model.name=python:tiny: was Python code, which a recipe cannot hold" in capsys.readouterr().err
    assert made.choice is not None
    with pytest.raises(ConfigError, match="was Python code"):
        ImagePipeline.load(made.choice)

    made("a dog", strategy=Mine(num_trajectories=2, reward="confidence")).save(tmp_path / "strategy")
    with Image.open(tmp_path / "strategy" / "image.png") as image:
        told = json.loads(image.info["scalingar"])["recipe"]["strategy"]
    assert told["name"].startswith("python:tests.pipeline.test_output.")
    with pytest.raises(OutputError, match="cannot be followed"):
        read_recipe(tmp_path / "strategy" / "image.png")


def test_a_folder_that_cannot_be_written_is_told(two: ImageOutput, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to the folder"):
        two.save(tmp_path / "file")
