"""Several prompts in one command."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.cli.main import main
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import read_recipe


def generate(package: Path, *words: str) -> int:
    return main(["generate", *words, "--model", str(package), "-n", "2"])


def test_each_prompt_has_a_folder_of_its_own(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "l.csv").write_bytes(b"\xef\xbb\xbfid,prompt\r\n1,a photo of a cat\r\n2,a photo of a dog\r\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a green zebra\n")))
    folder = tmp_path / "o"
    assert generate(package, "a photo of a dog", "-", "--prompts", str(tmp_path / "l.csv"), "-o", str(folder)) == 0
    names = ["a-photo-of-a-dog-0", "a-green-zebra-0", "a-photo-of-a-cat-0", "a-photo-of-a-dog-0-2"]
    out, err = capsys.readouterr()
    assert err == ""
    first, *lines, last = out.splitlines()
    assert first == "strategy scaling-ar, choosing by final confidence"
    assert [line.split()[0] for line in lines] == [str(folder / name / "image.png") for name in names]
    assert last.startswith("4 prompts, ")
    alone = ImagePipeline.from_pretrained(package)("a photo of a cat", num_trajectories=2)
    with Image.open(folder / names[2] / "image.png") as image:
        assert np.array_equal(np.asarray(image), np.asarray(alone.images[0]))
    trace = json.loads((folder / names[2] / "trace.json").read_text())
    assert trace["ledger"]["tokens"] == alone.ledger.tokens


def test_a_budget_is_for_all_prompts(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "l.txt").write_text("a dog\na cat\n")
    options = ["--prompts", str(tmp_path / "l.txt"), "--strategy", "allocate", "-k", "2", "--json"]
    assert generate(package, *options, "-o", str(tmp_path / "o")) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["recipe"]["prompt"] for one in told] == ["a dog", "a cat"]
    assert [len(one["images"]) for one in told] == [2, 2]
    assert told[0]["ledger"] == told[1]["ledger"]
    drawn = [c["drawn"] for one in told for image in one["images"] for c in image["candidates"]]
    assert sum(drawn) == told[0]["ledger"]["tokens"]
    assert read_recipe(Path(told[1]["files"][1])).image == 1


def test_a_list_replaces_what_was_there_and_nothing_of_its_own(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a-dog-0", "a-dog-0-2"]
    for _ in range(2):
        assert generate(package, "a dog", "a dog!", "-q", "--overwrite", "-o", str(tmp_path / "o")) == 0
        assert capsys.readouterr().out.splitlines() == [str(tmp_path / "o" / name / "image.png") for name in names]
        assert sorted(path.name for path in (tmp_path / "o").iterdir()) == names
    prompts = [read_recipe(tmp_path / "o" / name / "image.png").recipe.prompt for name in names]
    assert prompts == ["a dog", "a dog!"]


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["a dog", ""], 1, "empty"),
        (["a dog", "qwx uvy"], 1, "no word of 'qwx uvy'"),
        (["a dog", "a cat", "--print-config"], 2, "for one prompt"),
        (["--prompts", "nope.txt"], 1, "cannot read the prompts in nope.txt"),
    ],
)
def test_nothing_is_drawn_before_all_can_be(
    words: list[str], code: int, problem: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, *words, "-o", str(tmp_path / "o")) == code
    assert problem in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.png"))
