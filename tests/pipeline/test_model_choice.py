"""The model section: every option of every family, from YAML, the command line and Python to the same choice."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from scalingar.cli.main import main
from scalingar.core.errors import ConfigError
from scalingar.models.family import model_options
from scalingar.models.options import Choice
from scalingar.pipeline import pipeline
from scalingar.pipeline.model_choice import DTYPES, ModelChoice
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from tests.upstream.released_files import read_captions

EXAMPLES: dict[Any, Any] = {
    str: "some words: 1.5",
    str | Path: "~/weights/vq.pt",
    bool: False,
    int: 384,
    tuple[int, int]: [24, 16],
    float | str: "4:3",
}
"""A value of each type of option, as YAML has it."""


class Wanted(Exception):  # noqa: N818
    """Carries what loading was asked for, so that nothing is loaded."""


@pytest.fixture
def _no_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(choice: Choice) -> None:
        raise Wanted(choice)

    monkeypatch.setattr(pipeline, "load", load)


def wanted(choice: ModelChoice) -> Choice:
    """What loading would be asked for."""
    with pytest.raises(Wanted) as caught:
        ImagePipeline.load(choice)
    found = caught.value.args[0]
    assert isinstance(found, Choice)
    return found


@pytest.mark.usefixtures("_no_loading")
@pytest.mark.parametrize("name", list(model_options()))
def test_every_option_is_said_alike_in_yaml_on_the_command_line_and_in_python(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = EXAMPLES[model_options()[name].type]
    section = {"name": "somebody/model", "device": "cpu", "dtype": "bf16", name: value}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"prompt": "a dog", "seed": 5, "model": section}))
    from_yaml = Recipe.from_yaml(tmp_path / "r.yaml")

    words = ["--model", "somebody/model", "--dtype", "bf16", "--device", "cpu", "--seed", "5"]
    assert main(["generate", "a dog", *words, f"model.{name}={json.dumps(value)}", "--print-config"]) == 0
    (tmp_path / "cli.yaml").write_text(capsys.readouterr().out)
    assert Recipe.from_yaml(tmp_path / "cli.yaml") == from_yaml

    with pytest.raises(Wanted) as caught:
        ImagePipeline.from_pretrained("somebody/model", dtype=torch.bfloat16, **{name: value})
    asked = caught.value.args[0]
    assert asked == wanted(from_yaml.model)
    assert (asked.name, asked.device, asked.dtype) == ("somebody/model", "cpu", torch.bfloat16)
    assert dict(asked.options) == {name: tuple(value) if isinstance(value, list) else value}
    assert list(from_yaml.to_dict()["model"]) == ["name", "device", "dtype", name]


@pytest.mark.usefixtures("_no_loading")
def test_options_that_have_a_word_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = ["--variant", "d16", "--tokenizer", "~/vq.pt", "--text-encoder", "some/t5", "--compile"]
    assert main(["generate", "a dog", "--model", "m/n", *said, "--print-config"]) == 0
    (tmp_path / "r.yaml").write_text(capsys.readouterr().out)
    choice = Recipe.from_yaml(tmp_path / "r.yaml").model
    options = {"variant": "d16", "tokenizer": "~/vq.pt", "text_encoder": "some/t5", "compile": True}
    assert choice == ModelChoice.from_dict({"name": "m/n", **options})
    assert dict(wanted(choice).options) == options
    again = ["--config", str(tmp_path / "r.yaml"), "--no-compile", "model.tokenizer=null", "--print-config"]
    assert main(["generate", *again]) == 0
    (tmp_path / "s.yaml").write_text(capsys.readouterr().out)
    options = {"variant": "d16", "text_encoder": "some/t5", "compile": False}
    assert Recipe.from_yaml(tmp_path / "s.yaml").model == ModelChoice.from_dict({"name": "m/n", **options})


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_not_the_present_folder(name: str) -> None:
    with pytest.raises(ConfigError, match="is empty; give 'embedded', a file or folder, or a name on the hub"):
        ModelChoice.from_dict({"name": name})
    with pytest.raises(ConfigError, match=r"model\.tokenizer is empty; give it a value, or leave it out"):
        ModelChoice.from_dict({"tokenizer": ""})
    with pytest.raises(ConfigError, match="a path is empty"):
        Recipe.from_yaml("")


def test_a_name_is_a_section() -> None:
    assert Recipe.from_dict({"model": "m"}).model == Recipe.from_dict({"model": {"name": "m"}}).model
    assert Recipe().model == ModelChoice(name="embedded")


def test_paths_devices_and_dtypes_of_python() -> None:
    said = {"name": Path("a/b.pt"), "device": torch.device("cuda:1"), "tokenizer": Path("~/vq.pt"), "variant": None}
    choice = ModelChoice.from_dict(said)
    assert (choice.name, choice.device, choice.dtype) == ("a/b.pt", "cuda:1", torch.float32)
    assert choice.options == {"tokenizer": "~/vq.pt"}
    for name, dtype in DTYPES.items():
        assert ModelChoice.from_dict({"dtype": dtype}) == ModelChoice.from_dict({"dtype": name})
        assert ModelChoice.from_dict({"dtype": dtype}).model_dump()["dtype"] == name


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"gird": (2, 2)}, "model.gird is no setting; did you mean 'grid'?"),
        ({"grid": 5}, "model.grid=5: must be a valid tuple"),
        ({"grid": (1, 2, 3)}, "model.grid=(1, 2, 3): Tuple should have at most 2 items after validation, not 3"),
        ({"clean_caption": "perhaps"}, "model.clean_caption='perhaps': must be a valid boolean"),
        ({"dtype": torch.float64}, "model.dtype=torch.float64: must be 'fp32', 'bf16' or 'fp16'"),
        ({"device": "toaster"}, "model.device='toaster': must be auto or one of cpu, cuda, mps, xpu"),
    ],
)
def test_what_is_wrong_is_one_sentence(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ImagePipeline.from_pretrained("embedded", **said)
    assert str(caught.value).startswith(message)
    with pytest.raises(ConfigError) as caught:
        Recipe.from_dict({"model": said})
    assert str(caught.value).startswith(message)


def test_a_device_that_is_not_there_is_told_before_loading() -> None:
    with pytest.raises(ConfigError, match=r"model\.device=cuda:99: not available here"):
        ImagePipeline.from_pretrained("/none/at/all", device="cuda:99")


def test_a_function_has_a_name_in_the_recipe_but_cannot_be_loaded(tmp_path: Path) -> None:
    choice = ModelChoice.from_dict({"name": "m", "text_encoder": read_captions})
    assert choice.options == {"text_encoder": read_captions}
    (tmp_path / "r.yaml").write_text(Recipe(model=choice).to_yaml())
    again = Recipe.from_yaml(tmp_path / "r.yaml").model
    assert again.options == {"text_encoder": "python:tests.upstream.released_files.read_captions"}
    with pytest.raises(ConfigError, match=r"model\.text_encoder=python:.*read_captions: was Python code"):
        ImagePipeline.load(again)


def test_a_choice_cannot_be_changed() -> None:
    choice = ModelChoice.from_dict({"tokenizer": "a"})
    for name in ("name", "tokenizer"):
        with pytest.raises(ValueError, match="frozen"):
            setattr(choice, name, "b")
    with pytest.raises(TypeError):
        choice.options["tokenizer"] = "b"  # type: ignore[index]


@pytest.mark.parametrize(
    ("there", "taken"), [(["cpu"], "cpu"), (["cpu", "cuda:0", "cuda:1"], "cuda"), (["cpu", "mps"], "mps")]
)
def test_auto_is_replaced_by_what_is_there(there: list[str], taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scalingar.core.device.available.available_devices", lambda: there)
    assert ModelChoice.from_dict({"device": "Auto"}).device == taken
