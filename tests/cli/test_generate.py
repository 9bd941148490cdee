import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from scalingar.cli.main import main
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.png import KEY, Picture, read_recipe
from scalingar.pipeline.run_folder import own_folder
from scalingar.strategies import ScalingAR
from tests.tiny.package import save_tiny_package

PROMPT = "a photo of a red apple left of a dog"
FILES = {"image.png", "image@4x.png", "sheet.png", "confidence.png", "entropy.png", "trace.json"}


def generate(package: Path, output: Path, *more: str, prompt: str = PROMPT) -> int:
    return main(["generate", prompt, "--model", str(package), "-o", str(output), *more])


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_run_leaves_its_files_and_tables(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(package, tmp_path, "-n", "4", "--seed", "7") == 0
    out, err = capsys.readouterr()
    assert names(tmp_path) == FILES
    assert err == ""
    assert out.startswith(f"strategy scaling-ar, choosing by final confidence\n{PROMPT} (seed 7)\n")
    assert "finished, chosen" in out
    assert "tokens drawn" in out
    expected = ImagePipeline.from_pretrained(package)(PROMPT, num_trajectories=4, seed=7)
    assert np.array_equal(pixels(tmp_path / "image.png"), np.asarray(expected.images[0]))
    info = read_recipe(tmp_path / "image.png")
    assert info.trajectory == expected.results[0].chosen
    assert (info.recipe.guidance_scale, info.recipe.seed, info.recipe.prompt) == (2.0, 7, PROMPT)
    assert set(info.weights) == {"transformer.safetensors", "tokenizer.safetensors"}


@pytest.mark.parametrize(("prompt", "told"), [("a dog and a cat", "a dog left of a cat"), ("two dogs", "the same")])
def test_a_second_prompt_is_told(
    prompt: str, told: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--strategy", "gridar", "-n", "2", "--reward", "pmi", "strategy.rewrite=layout")
    assert generate(package, tmp_path, *options, prompt=prompt) == 0
    assert f"{prompt} (seed 0)\nsecond prompt: {told}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "looks"), [((), 1), (("--looks-per-batch", "2"), 2)])
def test_pictures_tell_how_many_were_looked_at_together(
    option: tuple[str, ...], looks: int, package: Path, tmp_path: Path
) -> None:
    assert generate(package, tmp_path, "--quiet", "--strategy", "single", *option) == 0
    assert read_recipe(tmp_path / "image.png").recipe.looks_per_batch == looks


def test_the_trace_tells_every_step(package: Path, tmp_path: Path) -> None:
    assert generate(package, tmp_path, "-n", "4", "--quiet") == 0
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert trace["grid"] == [4, 4]
    (image,) = trace["images"]
    assert [candidate["index"] for candidate in image["candidates"]] == [0, 1, 2, 3]
    for candidate in image["candidates"]:
        assert len(candidate["codes"]) == candidate["tokens"]
        assert {"C", "theta", "s", "entropy"} <= set(candidate["trace"])
    assert sum(candidate["tokens"] for candidate in image["candidates"]) == trace["ledger"]["tokens"]


def test_json_is_all_there_is_on_stdout(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(package, tmp_path, "--json", "-k", "2", "-n", "2", prompt="a green dog") == 0
    told = json.loads(capsys.readouterr().out)
    assert [image["seed"] for image in told["images"]] == [0, 1]
    assert all(Path(file).is_file() for file in told["files"])
    assert told["recipe"]["num_images_per_prompt"] == 2
    assert "trace" not in told["images"][0]["candidates"][0]


def test_several_images_are_numbered_and_a_folder_holds_one_run(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "o" / "image-0001.png"
    mine.parent.mkdir()
    mine.write_text("mine")
    stems = {f"{kind}-000{number}.png" for kind in ("image", "sheet", "confidence", "entropy") for number in (0, 1)}
    assert generate(package, tmp_path / "o", "-k", "2", "-n", "2") == 0
    large = {"image-0000@4x.png", "image-0001@4x.png"}
    assert names(tmp_path / "o-2") == stems | large | {"grid.png", "trace.json"}
    assert read_recipe(tmp_path / "o-2" / "image-0001.png").image == 1
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "o-2" / "image-0001.png")
    assert generate(package, tmp_path / "o-2", "-n", "2", "-q") == 0  # a run of other names is a run
    assert names(tmp_path / "o-2-2") == FILES
    assert (names(tmp_path / "o"), mine.read_text()) == ({"image-0001.png"}, "mine")
    (tmp_path / "o-2" / "notes.txt").write_text("mine")
    assert generate(package, tmp_path / "o-2", "-n", "2", "--seed", "1", "-q", "--overwrite") == 0
    assert names(tmp_path / "o-2") == names(tmp_path / "o-2-2") | {"notes.txt"}
    assert read_recipe(tmp_path / "o-2" / "image.png").recipe.seed == 1


@pytest.mark.parametrize(
    ("prompt", "folder"),
    [
        ("a photo of a Dog!", "a-photo-of-a-dog-7"),
        ("../etc/passwd", "etc-passwd-7"),
        ("ein Bär & 狗", "ein-bär-狗-7"),
        ("!?", "image-7"),
        ("word " * 40, "word-" * 12 + "7"),
    ],
)
def test_a_run_has_a_folder_of_its_own(prompt: str, folder: str) -> None:
    assert own_folder(prompt, 7) == Path("out") / folder


def test_quiet_tells_no_more_than_paths_that_nobody_said(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path("mine")
    assert generate(package, own, "--quiet", "-n", "2") == 0
    assert capsys.readouterr() == ("", "")
    assert generate(package, own, "--quiet", "-n", "1") == 0  # the folder is taken
    assert capsys.readouterr() == (f"{own}-2/image.png\n", "")
    assert main(["generate", PROMPT, "--model", str(package), "--strategy", "single", "--quiet"]) == 0
    assert capsys.readouterr() == (f"{own_folder(PROMPT, 0) / 'image.png'}\n", "")


def test_a_refused_run_leaves_no_folder(tmp_path: Path) -> None:
    assert main(["generate", "a dog", "--model", str(tmp_path / "none"), "-o", str(tmp_path / "a" / "b")]) == 1
    assert not list(tmp_path.iterdir())


def test_like_repeats_a_picture(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["-k", "2", "-n", "3", "--seed", "5", "--temperature", "0.9", "--guidance-scale", "2.5"]
    assert generate(package, tmp_path / "first", *options, "strategy.gate.quantile=0.4", "--preset", "v1", "-q") == 0
    source = tmp_path / "first" / "image-0001.png"
    again = tmp_path / "again"
    assert main(["generate", "--like", str(source), "-o", str(again)]) == 0
    assert np.array_equal(pixels(again / "image.png"), pixels(source))
    assert (again / "image.png").read_bytes() == source.read_bytes()
    assert names(again) == FILES
    assert "identical to" in capsys.readouterr().out


def test_like_finds_the_model_elsewhere_and_may_write_over_its_source(package: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(package, tmp_path / "moved")
    assert generate(moved, tmp_path / "o", "-n", "2", "-q") == 0
    before = pixels(tmp_path / "o" / "image.png")
    moved.rename(tmp_path / "there")
    source = str(tmp_path / "o" / "image.png")
    assert main(["generate", "--like", source, "-o", str(tmp_path / "o")]) == 1
    assert main(["generate", "--like", source, "--model", str(tmp_path / "there"), "-o", str(tmp_path / "o")]) == 0
    assert np.array_equal(pixels(tmp_path / "o" / "image.png"), before)


def test_like_with_something_changed_promises_nothing(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "-q") == 0
    source = str(tmp_path / "o" / "image.png")
    assert main(["generate", "--like", source, "--seed", "9", "-o", str(tmp_path / "p")]) == 0
    assert "identical" not in capsys.readouterr().out
    assert not np.array_equal(pixels(tmp_path / "p" / "image.png"), pixels(tmp_path / "o" / "image.png"))


@pytest.mark.parametrize(
    ("more", "seeds"),
    [
        (["-k", "1"], [6]),
        (["num_images_per_prompt=1"], [6]),
        (["-k", "3"], [6, 7, 8]),
        (["seed=6"], [6]),
        (["--seed", "9", "-k", "2"], [9, 10]),
        (["seed=5", "-k", "2"], [5, 6]),
    ],
)
def test_like_with_a_number_or_a_seed_begins_anew(
    more: list[str], seeds: list[int], package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, tmp_path / "o", "--strategy", "single", "-k", "2", "--seed", "5", "-q") == 0
    source = tmp_path / "o" / "image-0001.png"
    assert main(["generate", "--like", str(source), "-o", str(tmp_path / "p"), "--json", *more]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [image["seed"] for image in told["images"]] == seeds
    assert told["identical"] is None
    first = np.array_equal(pixels(Path(told["files"][0])), pixels(source))
    assert first == (seeds[0] == 6), "the picture's own seed is the one that is told with it"


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """stderr of a run that ends with 1 in one line."""
    assert main(["generate", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    return err


def test_like_refuses_other_weights(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "-q") == 0
    assert capsys.readouterr().out == ""
    other = save_tiny_package(tmp_path / "other", seed=1)
    source = str(tmp_path / "o" / "image.png")
    err = failing(capsys, "--like", source, "--model", str(other), "-o", str(tmp_path / "p"))
    assert "was made with other weights" in err
    assert not (tmp_path / "p").exists()


def test_like_says_when_pixels_differ(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "-q") == 0
    source = tmp_path / "o" / "image.png"
    info = read_recipe(source)
    with Image.open(source) as image:
        changed = image.copy()
    changed.putpixel((3, 4), (1, 2, 3))
    Picture.of(changed, info).save(source)
    capsys.readouterr()
    assert "in 1 of 256 pixels" in failing(capsys, "--like", str(source), "-o", str(tmp_path / "p"))


def test_like_takes_as_many_threads_as_then(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "-q") == 0
    source = tmp_path / "o" / "image.png"
    info = read_recipe(source).model_copy(update={"threads": 3})
    with Image.open(source) as image:
        picture = Picture.of(image, info)
    picture.save(source)
    seen, load = [], ImagePipeline.load

    def loaded(*given: Any, **settings: Any) -> ImagePipeline:
        seen.append(torch.get_num_threads())
        return load(*given, **settings)

    monkeypatch.setattr(ImagePipeline, "load", loaded)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)), raising=False)
    before = torch.get_num_threads()
    main(["generate", "--like", str(source), "-o", str(tmp_path / "p"), "-q"])
    assert seen == [3]
    assert torch.get_num_threads() == before
    capsys.readouterr()
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)  # another machine
    assert main(["generate", "--like", str(source), "-o", str(tmp_path / "p"), "-q"]) == 0
    assert seen == [3, 1]
    told = f"warning: {source} was made with 3 threads, and this machine has no more than 1; last bits may differ.\n"
    assert capsys.readouterr().err == told


def test_like_follows_the_noise_of_the_picture(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "--noise", "device", "-q") == 0
    source = tmp_path / "o" / "image.png"
    assert read_recipe(source).recipe.noise == "device"
    assert main(["generate", "--like", str(source), "-o", str(tmp_path / "p")]) == 0
    assert f"identical to {source}" in capsys.readouterr().out
    assert main(["generate", "--like", str(source), "--noise", "host", "-o", str(tmp_path / "p")]) == 0
    assert "identical" not in capsys.readouterr().out
    assert not np.array_equal(pixels(tmp_path / "p-2" / "image.png"), pixels(source))


def test_like_repeats_a_picture_that_does_not_name_its_noise(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "-q") == 0
    source = tmp_path / "o" / "image.png"
    with Image.open(source) as image:
        told, old = json.loads(image.info[KEY]), PngInfo()
        del told["recipe"]["noise"]
        old.add_text(KEY, json.dumps(told))
        image.save(tmp_path / "old.png", pnginfo=old)
    assert main(["generate", "--like", str(tmp_path / "old.png"), "-o", str(tmp_path / "p")]) == 0
    assert "identical to" in capsys.readouterr().out
    assert (tmp_path / "p" / "image.png").read_bytes() == source.read_bytes()


def test_like_needs_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    assert "holds no recipe" in failing(capsys, "--like", str(tmp_path / "plain.png"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-n", "0"], "strategy.num_trajectories=0: must be >= 1"),
        (["-k", "0"], "num_images_per_prompt=0: must be >= 1"),
        (
            ["--preset", "v1", "--strategy", "single"],
            "strategy.preset='v1' is no setting of single; take a strategy that has it (scaling-ar), or leave it out",
        ),
        (
            ["--reward", "pmi"],
            "strategy.reward='pmi' is no setting of scaling-ar; take a strategy that has it (allocate, ",
        ),
        (["--seed", "-1"], "seed=-1: must be >= 0"),
        (["--strategy", "scaling", "-n", "4"], "did you mean 'scaling-ar'?"),
        (["--strategy", "single", "-n", "4"], "strategy.num_trajectories=4: 'single' decodes one trajectory"),
        (["--strategy", "best-of-n", "strategy.reward=pmj"], "did you mean 'pmi'?"),
        (["strategy.gate.quantil=0.1"], "strategy.gate.quantil is no setting; did you mean 'quantile'?"),
        (["--noise", "gpu"], "noise='gpu': must be 'host' or 'device'"),
        (["--top-p", "1.5"], "sampling.top_p=1.5: must be <= 1"),
        (["model.tokenizer=''"], "model.tokenizer is empty"),
        (["strategy=single", "--strategy", "best-of-n"], "strategy.name is set twice, also by strategy=; leave one"),
        (["--device", "cuda:99"], "model.device=cuda:99: not available here"),
        (["--dtype", "int8"], "model.dtype='int8': must be 'fp32', 'bf16' or 'fp16'"),
        (["--model", "/none"], "no model '/none'"),
        (["--config", "/none.yaml"], "cannot read the recipe /none.yaml"),
    ],
)
def test_wrong_settings_are_one_sentence(
    more: list[str], message: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in failing(capsys, PROMPT, "--model", str(package), "-o", str(tmp_path), *more)


@pytest.mark.parametrize(
    ("prompt", "message"), [("  ", "the prompt is empty"), ("xyzzy plugh", "no word of 'xyzzy plugh' is known")]
)
def test_wrong_prompts_are_one_sentence(
    prompt: str, message: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in failing(capsys, prompt, "--model", str(package), "-o", str(tmp_path))


def test_unknown_words_are_named_once(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(package, tmp_path, "-n", "2", "-k", "2", "-q", prompt="a dog named xyzzy") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("warning: the embedded model does not know 'named', 'xyzzy'")
    assert err.count("\n") == 1


def test_the_folder_is_tried_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def loaded(*_: Any, **__: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(ImagePipeline, "load", loaded)
    (tmp_path / "file").touch()
    assert "cannot write to the folder" in failing(capsys, PROMPT, "-o", str(tmp_path / "file"))


def test_a_truncated_weight_file_is_named(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = shutil.copytree(package, tmp_path / "copy")
    for name in ("transformer.safetensors", "tokenizer.safetensors"):
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content[: len(content) // 2])
        assert f"{name} cannot be read" in failing(capsys, PROMPT, "--model", str(copy), "-o", str(tmp_path))
        (copy / name).write_bytes(content)


@pytest.mark.parametrize("strategy", ["scaling-ar", "best-of-n", "single"])
def test_logits_that_are_not_numbers_are_told(
    strategy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = save_tiny_package(tmp_path / "broken", broken=True)
    err = failing(capsys, PROMPT, "--model", str(broken), "--strategy", strategy, "-o", str(tmp_path / "o"))
    assert "is left at step 0: not a number in every row" in err
    assert not (tmp_path / "o").exists()


def test_ctrl_c_ends_with_130(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ScalingAR, "choose", interrupted)
    assert generate(package, tmp_path) == 130
    assert capsys.readouterr().err == "interrupted; nothing was left half written\n"
    assert list(tmp_path.iterdir()) == []


def test_print_config_is_a_recipe(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["-n", "3", "--preset", "v1", "--top-k", "9", "strategy.gate.quantile=0.3"]
    assert generate(package, tmp_path / "never", *options, "--print-config") == 0
    (tmp_path / "r.yaml").write_text(capsys.readouterr().out)
    assert not (tmp_path / "never").exists()
    assert main(["generate", "--config", str(tmp_path / "r.yaml"), "--print-config"]) == 0
    assert capsys.readouterr().out == (tmp_path / "r.yaml").read_text()
    assert generate(package, tmp_path / "a", *options, "-q") == 0
    assert main(["generate", "--config", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "b"), "-q"]) == 0
    assert (tmp_path / "a" / "image.png").read_bytes() == (tmp_path / "b" / "image.png").read_bytes()


def test_a_compiled_step_is_part_of_the_recipe(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled: list[bool] = []

    def plain(function: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        compiled.append(dynamic)
        return function

    monkeypatch.setattr("torch.compile", plain)
    assert generate(package, tmp_path / "a", "--compile", "-q") == 0
    assert generate(package, tmp_path / "b", "-q") == 0
    assert compiled == [True], "once, and only where it was asked for"
    assert read_recipe(tmp_path / "a" / "image.png").recipe.model.options == {"compile": True}
    picture = str(tmp_path / "a" / "image.png")
    assert main(["generate", "--like", picture, "-o", str(tmp_path / "c")]) == 0
    assert f"identical to {picture}" in capsys.readouterr().out
    assert compiled == [True, True]
    assert main(["generate", "--like", picture, "--no-compile", "-o", str(tmp_path / "d")]) == 0
    assert "identical" not in capsys.readouterr().out, "rounding may differ, so nothing is promised"


def test_options_win_over_a_recipe(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.yaml").write_text("prompt: a cat\nseed: 3\nstrategy: {name: best-of-n, reward: confidence}\n")
    arguments = ["--config", str(tmp_path / "r.yaml"), "--seed", "4", "a dog", "--print-config"]
    assert main(["generate", *arguments]) == 0
    out = capsys.readouterr().out
    assert "seed: 4" in out
    assert "prompt: a dog" in out
    assert "reward: confidence" in out


def test_an_animation_and_larger_pictures(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(package, tmp_path / "o", "-n", "2", "--animation", "gif", "--scale", "3") == 0
    assert names(tmp_path / "o") == FILES - {"image@4x.png"} | {"image@3x.png", "animation.gif"}
    small, large = (np.asarray(Image.open(tmp_path / "o" / name)) for name in ("image.png", "image@3x.png"))
    np.testing.assert_array_equal(large, small.repeat(3, 0).repeat(3, 1))
    assert "scalingar" not in Image.open(tmp_path / "o" / "image@3x.png").info
    assert generate(package, tmp_path / "o", "-n", "2", "--scale", "1", "--overwrite") == 0
    assert names(tmp_path / "o") == FILES - {"image@4x.png"}
    capsys.readouterr()
    assert generate(package, tmp_path / "p", "--animation", "mp4") == 1
    assert capsys.readouterr().err == "error: animation is 'mp4'; choose from gif, webp.\n"
    assert generate(package, tmp_path / "p", "--scale", "17") == 1
    assert "scale is 17" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_every_picture_says_what_it_is(package: Path, tmp_path: Path) -> None:
    assert generate(package, tmp_path, "-n", "2", "-q", prompt="a dog") == 0
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            text = image.info.get(KEY) or image.info["Description"]
        assert "a dog" in text
