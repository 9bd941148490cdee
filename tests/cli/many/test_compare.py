"""``scalingar compare``: one prompt, several strategies, the same noise."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scalingar.cli.main import main
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import read_recipe

PROMPT = "a photo of a dog"


def compare(package: Path, output: Path, *more: str) -> int:
    count = () if "--suite" in more or "single" in more else ("-n", "3")
    return main(["compare", PROMPT, "--model", str(package), *count, "--seed", "7", "-o", str(output), *more])


def test_one_sheet_and_the_same_noise(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    folder = tmp_path / "o"
    assert compare(package, folder, "--strategy", "single,best-of-n,random-of-n", "--reward", "log-likelihood") == 0
    out, err = capsys.readouterr()
    assert err == ""
    first, head, *rows, last = out.splitlines()
    assert first == f"{PROMPT} (seed 7, the same noise for all)"
    assert head.split() == ["strategy", "chosen", "tokens", "seconds", "log-likelihood", "picture"]
    assert [row.split()[0] for row in rows] == ["single", "best-of-n", "random-of-n"]
    assert last == str(folder / "sheet.png")
    pictures = {f"image-000{number}.png" for number in range(3)}
    assert {path.name for path in folder.iterdir()} == pictures | {"sheet.png", "comparison.json"}
    told = json.loads((folder / "comparison.json").read_text())
    assert (told["compared_by"], told["seed"]) == ("log-likelihood", 7)
    single, best, other = told["rows"].values()
    assert [row["ledger"]["tokens"] for row in (single, best, other)] == [16, 48, 48]
    handed_out = best["image"]["candidates"][best["image"]["chosen"]]
    assert best["reward"] == pytest.approx(handed_out["rewards"]["log-likelihood"])
    for number, strategy in enumerate(("single", "best-of-n")):
        expected = ImagePipeline.from_pretrained(package)(
            PROMPT,
            seed=7,
            strategy={"name": strategy, **({"reward": "log-likelihood", "num_trajectories": 3} if number else {})},
        )
        path = folder / f"image-000{number}.png"
        assert read_recipe(path).recipe == expected.infos[0].recipe
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), np.asarray(expected.images[0]))


def test_a_picture_that_two_hand_out_is_named_once(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.yaml").write_text("one: {name: single}\nthree: {name: random-of-n, num_trajectories: 1}\n")
    assert compare(package, tmp_path / "o", "--suite", str(tmp_path / "s.yaml"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["same_as"] for row in told["rows"].values()] == [None, "one"]
    assert told["files"][0] == str(tmp_path / "o" / "sheet.png")
    assert compare(package, tmp_path / "o", "--strategy", "single", "--json") == 0
    assert json.loads(capsys.readouterr().out)["files"][0] == str(tmp_path / "o-2" / "sheet.png")
    assert compare(package, tmp_path / "o", "--strategy", "single", "--overwrite") == 0
    assert {path.name for path in (tmp_path / "o").iterdir()} == {"image-0000.png", "sheet.png", "comparison.json"}


def test_each_of_several_prompts_is_compared_in_a_folder_of_its_own(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "l.txt").write_text("a photo of a cat\na photo of a dog!\na photo of a cat\n")
    options = ["--prompts", str(tmp_path / "l.txt"), "--strategy", "single,random-of-n", "--reward", "log-likelihood"]
    names = [f"compare-a-photo-of-a-{end}" for end in ("dog-7", "cat-7", "dog-7-2")]
    for _ in range(2):  # what this command wrote is not replaced, what an earlier one wrote is
        assert compare(package, tmp_path / "o", *options, "--overwrite") == 0
        out, err = capsys.readouterr()
        assert err == "warning: 1 prompt that came before left out\n"
        lines = out.splitlines()
        assert [line for line in lines if line.endswith("sheet.png")] == [
            str(tmp_path / "o" / name / "sheet.png") for name in names
        ]
        assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted(names)
    told = [json.loads((tmp_path / "o" / name / "comparison.json").read_text()) for name in names]
    assert [one["prompt"] for one in told] == [PROMPT, "a photo of a cat", f"{PROMPT}!"]
    title, head, single, other = lines[-4:]
    assert (title, head.split()) == ("3 prompts", ["strategy", "tokens/image", "s/image", "log-likelihood"])
    rewards = np.array([one["rows"]["single"]["reward"] for one in told])
    assert single.split()[:4] == ["single", "16", "±", "0"]
    assert single.split()[-3:] == [f"{rewards.mean():.3f}", "±", f"{rewards.std(ddof=1) / np.sqrt(3):.3f}"]
    assert other.split()[:4] == ["random-of-n", "48", "±", "0"]


def test_json_of_several_prompts_is_a_line_for_each(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(package, tmp_path / "o", "a green zebra", "--strategy", "single", "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["prompt"] for one in told] == [PROMPT, "a green zebra"]
    assert all(Path(one["files"][0]).is_file() for one in told)


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["qwx uvy"], 1, "no word of 'qwx uvy' is known"),
        (["--prompts", "nope.txt"], 1, "cannot read the prompts in nope.txt"),
        (["--strategy", "single,tts-var"], 1, "tts-var is for next-scale models"),
        (["--strategy", "single", "--suite", "s.yaml"], 1, "both say what is compared"),
        (["--strategy", "single", "strategy.num_trajectories=3"], 1, "no setting of a comparison"),
        (["--strategy", "single", "num_images_per_prompt=3"], 1, "no setting of a comparison"),
        (["--strategy", "single,single"], 1, "single is named twice"),
        (["--strategy", " , "], 1, "no strategy is named"),
        (["--strategy", "single", "-n", "-5"], 1, "num_trajectories is -5; it must be at least 1."),
        (["--strategy", "single", "-n", "3"], 1, "--num-trajectories 3 is for none of the strategies (single); leave"),
        (["--verifier", "nope"], 1, "--verifier nope is for none of the strategies (single, best-of-n, scaling-ar)"),
    ],
)
def test_nothing_is_drawn_unless_all_fits(
    words: list[str], code: int, problem: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(package, tmp_path / "o", *words) == code
    assert problem in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.png"))
