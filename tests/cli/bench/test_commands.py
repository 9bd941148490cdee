"""The bench commands from end to end, on a tiny model and a judge of brightness."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scalingar.bench import BENCHMARKS
from scalingar.cli.main import main
from scalingar.core.device.threads import torch_threads
from tests.bench.fakes import Bright


@pytest.fixture(autouse=True)
def _bright() -> Iterator[None]:
    with BENCHMARKS.temporarily("bright", Bright):
        yield


def run(package: Path, output: Path, *more: str) -> int:
    words = ["bench", "run", "bright", "--model", str(package), "-o", str(output), "--max-rows", "6", "--shard", "4"]
    of_strategies = () if "--suite" in more or "single" in more else ("--reward", "pmi", "-n", "3")
    return main([*words, *of_strategies, *more])


def test_a_suite_is_run_reported_and_validated(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(package, tmp_path / "runs", "--strategy", "single,best-of-n,scaling-ar") == 0
    out, err = capsys.readouterr()
    assert all("±" in line for line in out.splitlines())
    assert [line.split(":")[0] for line in out.splitlines()] == ["single", "best-of-n by the reward pmi", "scaling-ar"]
    assert err == ""
    told = json.loads((tmp_path / "runs" / "best-of-n" / "results.json").read_text())
    assert told["schema"] == "scalingar.bench/1"
    assert told["plan"]["recipe"]["strategy"]["reward"] == "pmi"
    assert told["plan"]["recipe"]["looks_per_batch"] == 1
    assert told["costs"]["tokens_per_image"] == 48

    assert main(["bench", "report", str(tmp_path / "runs"), "--baseline", "single", "-o", str(tmp_path / "told")]) == 0
    table = capsys.readouterr().out
    rows = {line.split(" | ")[0].strip("| "): line for line in table.splitlines() if line.startswith("|")}
    assert "against single" in rows["strategy"]
    assert "[" in rows["scaling-ar"]
    assert [cell.count("±") for cell in rows["single"].split(" | ")[3:6]] == [1, 1, 1], "two tasks and overall"
    assert (tmp_path / "told" / "report.md").read_text() in table
    assert (tmp_path / "told" / "quality.png").stat().st_size > 5000

    assert main(["bench", "drop", str(tmp_path / "runs"), str(tmp_path / "runs"), "--baseline", "single"]) == 0
    dropped = capsys.readouterr().out
    assert dropped.startswith("ordinary: bright\nhard: bright\n\n| strategy |")
    assert "0.0 % [" in dropped

    pair = [str(tmp_path / "runs" / name) for name in ("single", "single")]
    assert main(["bench", "pictures", *pair, "-o", str(tmp_path / "told" / "pictures.png")]) == 1
    assert "right about the same images" in capsys.readouterr().err

    assert main(["bench", "validate", str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out.count("10 images, complete and unchanged") == 3


def test_what_does_not_fit_is_told_before_anything_is_drawn(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*names: str) -> str:
        assert run(package, tmp_path / "o", "--strategy", ",".join(names)) == 1
        assert not (tmp_path / "o").exists()
        out, err = capsys.readouterr()
        assert out == ""
        return err

    with monkeypatch.context() as patched:
        patched.setattr("scalingar.pipeline.pipeline.ImagePipeline.load", None)
        assert "the strategy tts-var is for next-scale models, and this model is next-token" in refused(
            "single", "tts-var"
        )
    monkeypatch.setitem(sys.modules, "transformers", None)
    told = main(
        ["bench", "run", "bright", "--model", str(package), "--reward", "clip-score", "-o", str(tmp_path / "o")]
    )
    assert told == 1
    assert "the reward clip-score needs transformers, which is not installed" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_the_usual_strategies_are_those_of_the_family(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr("scalingar.cli.bench.run_all.run_all", lambda request: asked.append(list(request.strategies)))
    for model in (str(package), "embedded-next-scale"):
        assert main(["bench", "run", "bright", "--model", model]) == 0
    assert asked == [["single", "best-of-n", "scaling-ar"], ["single", "best-of-n", "tts-var"]]


def test_sampling_is_set_for_a_whole_run(package: Path, tmp_path: Path) -> None:
    assert run(package, tmp_path / "runs", "--strategy", "single", "sampling.entropy_temperature=true") == 0
    told = json.loads((tmp_path / "runs" / "single" / "results.json").read_text())
    assert told["plan"]["recipe"]["sampling"]["entropy_temperature"] is True


def test_a_damaged_run_is_mended_and_what_was_dropped_is_said(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(package, tmp_path, "--strategy", "single", "--limit", "1") == 0
    samples = tmp_path / "single" / "samples.jsonl"
    before = samples.read_bytes()
    samples.write_bytes(before + before)
    assert main(["bench", "validate", str(tmp_path)]) == 1
    assert "is scored 2 times" in capsys.readouterr().err
    assert run(package, tmp_path, "--strategy", "single", "--limit", "1") == 0
    assert "samples.jsonl has lines that are doubled (4). That was dropped; 0 images" in capsys.readouterr().err
    assert samples.read_bytes() == before
    assert main(["bench", "validate", str(tmp_path)]) == 0


def test_other_noise_is_another_run(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(package, tmp_path / "a", "--strategy", "single") == 0
    assert run(package, tmp_path / "b", "--strategy", "single", "--noise", "device") == 0
    noise = [json.loads((tmp_path / name / "single" / "plan.json").read_text())["recipe"]["noise"] for name in "ab"]
    assert noise == ["host", "device"]
    host, device = ((tmp_path / name / "single" / "samples.jsonl").read_text() for name in "ab")
    assert host != device
    assert run(package, tmp_path / "a", "--strategy", "single", "--noise", "device") == 1
    assert "recipe.noise: 'host' there, 'device' here" in capsys.readouterr().err


def test_runs_of_other_seeds_are_not_paired_without_a_word(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("a", "0"), ("b", "5"), ("c", "0")):
        assert run(package, tmp_path / name, "--strategy", "single", "--seed", seed) == 0
    seeds = [
        {json.loads(line)["seed"] for line in (tmp_path / name / "single" / "samples.jsonl").read_text().splitlines()}
        for name in "abc"
    ]
    assert len(seeds[0]) == len(seeds[1]) == 10, "no two images share noise"
    assert not seeds[0] & seeds[1]
    assert seeds[0] == seeds[2]
    for name in "abc":
        (tmp_path / name / "single").rename(tmp_path / name / f"single-{name}")
    capsys.readouterr()
    folders = [str(tmp_path / name / f"single-{name}") for name in "abc"]
    assert main(["bench", "report", folders[0], folders[2]]) == 0
    assert "noise" not in capsys.readouterr().out
    assert main(["bench", "report", *folders]) == 0
    assert "Not drawn from the noise of single-a (seed 0): single-b (seed 5)." in capsys.readouterr().out


def test_a_suite_file_names_runs(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "termination-only: {name: scaling-ar, num_trajectories: 2, guidance: {enabled: false}}\nsingle: {}\n"
    )
    assert run(package, tmp_path / "runs", "--suite", str(suite), "--limit", "1", "--looks-per-batch", "2") == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["single", "termination-only"]
    plan = json.loads((tmp_path / "runs" / "termination-only" / "plan.json").read_text())
    assert plan["recipe"]["looks_per_batch"] == 2
    assert plan["recipe"]["strategy"]["guidance"]["enabled"] is False
    assert "compile" not in plan["recipe"]["model"]
    assert run(package, tmp_path / "runs", "--suite", str(suite), "--limit", "1", "--compile") == 1
    assert "recipe.model.compile: None there, True here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ("a: {name: scaling-arr}", "did you mean 'scaling-ar'?"),
        ("a: {name: scaling-ar, gate: {quantil: 1}}", "strategy.gate.quantil is no setting; did you mean 'quantile'?"),
        ("../a: {name: single}", "leave out slashes"),
        ("- single", "holds no suite"),
        ("a: 3", "must be settings"),
    ],
)
def test_a_wrong_suite_is_refused(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suite: str, message: str
) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(suite)
    assert run(package, tmp_path / "runs", "--suite", str(path)) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "geneva"], "did you mean 'geneval'?"),
        (["run", "geneval", "detectr=embedded"], "did you mean 'detector'?"),
        (["run", "geneval", "--strategy", "singel"], "did you mean 'single'?"),
        (["run", "geneval", "--images-per-prompt", "0"], "images_per_prompt is 0; it must be at least 1"),
        (["run", "geneval", "model.name=[a]"], "model.name=['a']: must be a valid string"),
        (["run", "geneval", ""], "'' is no setting; write it as detector=embedded."),
        (["run", "geneval", "--device", "cuda:99"], "model.device=cuda:99: not available here"),
        (["run", "geneval", "--strategy", " , "], "no strategy is named"),
        (["run", "geneval", "--strategy", "single", "--reward", "nope"], "--reward nope is for none of the strategies"),
        (["run", "geneval", "--strategy", "single", "--verifier", "nope"], "--verifier nope is for none of"),
        (["run", "geneval", "--strategy", "single", "-n", "7"], "--num-trajectories 7 is for none of"),
        (["plan", "geneval", "--strategy", "single", "-n", "7"], "--num-trajectories 7 is for none of"),
        (["report", "."], "holds no run"),
        (["validate", "nowhere"], "holds no run"),
        (["score", "geneval", "nowhere", "detector=embedded", "colors=detector"], "nowhere is no folder"),
        (["score", "geneval", ".", "detector=embedded", "colors=detector", "--device", "nope"], "must be auto or one"),
        (
            ["score", "geneval", ".", "detector=embedded", "colors=detector", "--device", "cuda:99"],
            "not available here",
        ),
    ],
)
def test_wrong_input_gets_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_the_lists_name_benchmarks_and_detectors(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ls"]) == 0
    out = capsys.readouterr().out
    assert "geneval" in out
    assert "hf-mask2former" in out


@pytest.mark.parametrize(
    "option", [("--strategy", "single"), ("-n", "4"), ("--reward", "pmi"), ("--verifier", "nowhere")]
)
def test_a_suite_stands_alone(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text("single: {}\n")
    assert run(package, tmp_path / "runs", "--suite", str(suite), *option) == 1
    assert f"{option[1]} and --suite {suite} both say what is compared" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_parts_are_merged_to_the_run(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("1/2", "2/2"):
        assert run(package, tmp_path / "parts", "--strategy", "single", "--part", part) == 0
    assert "single: part 2 of 2, 4 images in" in capsys.readouterr().out
    parts = [str(tmp_path / "parts" / f"part-{number}-of-2") for number in (1, 2)]
    assert main(["bench", "merge", *parts, "-o", str(tmp_path / "merged")]) == 0
    assert "10 images of 2 parts" in capsys.readouterr().out
    assert run(package, tmp_path / "whole", "--strategy", "single") == 0
    merged, whole = (tmp_path / name / "single" / "samples.jsonl" for name in ("merged", "whole"))
    assert merged.read_bytes() == whole.read_bytes()
    assert main(["bench", "validate", str(tmp_path / "merged")]) == 0
    assert main(["bench", "merge", *parts, parts[0], "-o", str(tmp_path / "twice")]) == 1
    assert "both hold shard 0 of the run" in capsys.readouterr().err


def test_a_part_is_told_as_one_and_not_as_a_run_that_was_stopped(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(package, tmp_path / "parts", "--strategy", "best-of-n", "--part", "1/2", "--all-candidates") == 0
    part = tmp_path / "parts" / "part-1-of-2"
    own, picture = str(part / "best-of-n"), str(tmp_path / "p.png")
    capsys.readouterr()
    for words in (
        ["bench", "report", str(part)],
        ["bench", "validate", str(part)],
        ["bench", "pictures", own, own, "-o", picture],
        ["analyze", "scaling", own],
    ):
        assert main(words) == 1
        told = f"{own} is part 1 of 2 of a run; put all parts together with 'bench merge', and give the run that it "
        assert told in " ".join(capsys.readouterr().err.split())
    for command in ("report", "validate"):
        assert main(["bench", command, str(tmp_path / "parts")]) == 1
        assert f"{tmp_path / 'parts'} holds parts of runs; put them together with" in capsys.readouterr().err


def test_a_plan_says_what_a_run_takes(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "plan", "geneval", "--limit", "2", "--images-per-prompt", "4", "--shard", "16"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("geneval: 12 prompts of 4 images: 48 images in 3 shards")
    more = ["--estimate", "--model", "FoundationVision/LlamaGen:t2i-xl-256", "--strategy", "best-of-n", "-n", "8"]
    assert main([*words, *more, "--step-ms", "10"]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["best-of-n", "384", "0.1", "M", "64", "20.9", "0.0043", "0.0043"]
    assert main([*words, "--estimate", "--model", "embedded-next-scale"]) == 0
    told = capsys.readouterr().out
    assert "448 tokens in 10 steps a trajectory; weights 40.9 MB, cache 0.01 GB a trajectory" in told
    assert told.splitlines()[-1].startswith("tts-var"), "the method of its family"
    assert main([*words, "--step-ms", "10"]) == 1
    assert "beside --estimate" in capsys.readouterr().err
    assert main(["bench", "plan", "geneval", "--estimate", "--images-per-prompt", "1" + "0" * 23]) == 2
    assert "should be less than or equal to 65536" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "rays"], "--backend 'rays': must be one of in-process, threads, ray; did you mean 'ray'?"),
        (["--address", "head:6379"], "--address is for --backend ray; the backend is threads"),
        (["--cpus-per-worker", "2"], "--cpus-per-worker is for --backend ray"),
        (["--backend", "in-process", "--workers", "2"], "in-process has one worker, not 2"),
        (["--backend", "ray", "--gpus-per-worker", "64"], "need more than this machine has"),
        (["--part", "5/4"], "--part 5/4: the first number must be from 1"),
    ],
)
def test_wrong_words_about_machines_are_one_sentence(
    words: list[str], message: str, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(package, tmp_path, "--strategy", "single", *words) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_ray_is_asked_for_by_name(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(package, tmp_path, "--strategy", "single", "--backend", "ray") == 1
    assert "--backend ray needs ray, which is not installed" in capsys.readouterr().err


def test_in_process_and_threads_are_one_run_of_as_many_threads_each(package: Path, tmp_path: Path) -> None:
    for backend in ("in-process", "threads"):
        with torch_threads(1):  # two workers would share what one has
            assert run(package, tmp_path / backend, "--strategy", "single", "--limit", "1", "--backend", backend) == 0
    one, two = (tmp_path / backend / "single" / "plan.json" for backend in ("in-process", "threads"))
    assert json.loads(one.read_text())["threads"] == 1
    assert "device_kind" in json.loads(one.read_text())
    assert one.read_bytes() == two.read_bytes()


def test_a_judge_that_cannot_judge_is_told_before_the_first_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of these has a colour, so that the classifier would not have been asked at all."""
    metadata = json.dumps(
        {"tag": "single_object", "include": [{"class": "dog", "count": 1}], "prompt": "a photo of a dog"}
    )
    (tmp_path / "prompts.jsonl").write_text(metadata + "\n")
    samples = tmp_path / "images" / "00000" / "samples"
    samples.mkdir(parents=True)
    (samples.parent / "metadata.jsonl").write_text(metadata + "\n")
    Image.new("RGB", (96, 96)).save(samples / "0000.png")
    words = ["bench", "score", "geneval", str(tmp_path / "images"), f"prompts={tmp_path / 'prompts.jsonl'}"]
    words += ["detector=embedded", "--images-per-prompt", "1"]
    assert main([*words, "colors=clip"]) == 1
    assert "the detector embedded gives no masks" in capsys.readouterr().err
    assert main([*words, "colors=detector"]) == 0
    assert "overall" in capsys.readouterr().out
