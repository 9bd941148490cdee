"""A run folder is what its plan says, whatever happened to its files."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from scalingar.bench.runs.examination import check_lines
from scalingar.bench.runs.plan import PLAN, RunPlan
from scalingar.bench.runs.results import RESULTS, read_results, write_results
from scalingar.bench.runs.store import COSTS, SAMPLES, RepairWarning
from scalingar.bench.runs.validate import check_run
from scalingar.core.errors import BenchmarkError, OutputError
from scalingar.core.locks import LOCK
from tests.bench.fakes import Bright
from tests.bench.runs.test_runner import finish, runner, written


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ten images in three shards."""
    folder = tmp_path_factory.mktemp("whole")
    run = runner(folder, "single")
    finish(run)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def change(path: Path, new: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(new(lines(path))))


def edited(line: bytes, **values: object) -> bytes:
    return (json.dumps({**json.loads(line), **values}, ensure_ascii=False) + "\n").encode()


def judged_otherwise(line: bytes) -> bytes:
    verdict = json.loads(line)["verdict"]
    return edited(line, verdict={**verdict, "points": 1.0 - verdict["points"]})


def first_picture(folder: Path) -> Path:
    return folder / json.loads(lines(folder / SAMPLES)[0])["image"]


def foreign(some: list[bytes]) -> list[bytes]:
    return [*some, edited(some[0], id="dragon")]


def exchange_pictures(folder: Path) -> None:
    one, two = (folder / json.loads(line)["image"] for line in lines(folder / SAMPLES)[:2])
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)


def of(name: str, new: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return lambda folder: change(folder / name, new)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a torn last line": (of(SAMPLES, lambda some: [*some[:-1], some[-1][:40]]), "torn"),
    "a lost line feed": (of(SAMPLES, lambda some: [*some[:-1], some[-1][:-1]]), "torn"),
    "zeros at the end": (of(SAMPLES, lambda some: [*some, bytes(100)]), "torn"),
    "doubled lines": (of(SAMPLES, lambda some: some + some), "doubled"),
    "lines of another run": (of(SAMPLES, foreign), "none of this run"),
    "a lost line in the middle": (of(SAMPLES, lambda some: some[:4] + some[5:]), "image 0 of 002 is missing"),
    "a blank line": (of(SAMPLES, lambda some: [*some[:4], b"\n", *some[4:]]), "damaged"),
    "a damaged line": (of(SAMPLES, lambda some: [*some[:4], b"{" + some[4], *some[5:]]), "damaged"),
    "a line of something else": (of(SAMPLES, lambda some: [*some[:4], b"[1]\n", *some[5:]]), "damaged"),
    "a line nested deeply": (of(SAMPLES, lambda some: [*some, b"[" * 100_000 + b"\n"]), "damaged"),
    "lines in another order": (of(SAMPLES, lambda some: some[::-1]), "order"),
    "an edited verdict": (of(SAMPLES, lambda some: [judged_otherwise(some[0]), *some[1:]]), "changed"),
    "no lines": (of(SAMPLES, lambda some: []), "image 1 of 000 is missing"),
    "a torn line of costs": (of(COSTS, lambda some: [*some[:-1], some[-1][:-9]]), "torn"),
    "lost costs": (of(COSTS, lambda some: some[1:]), "without costs"),
    "edited costs": (of(COSTS, lambda some: [edited(some[0], draw_seconds=0.0), *some[1:]]), "damaged or changed"),
    "doubled costs": (of(COSTS, lambda some: some + some), "doubled"),
    "no costs at all": (lambda folder: (folder / COSTS).unlink(), "without costs"),
    "a missing picture": (lambda folder: first_picture(folder).unlink(), "0000.png is missing"),
    "an empty picture": (lambda folder: first_picture(folder).write_bytes(b""), "0000.png was changed"),
    "exchanged pictures": (exchange_pictures, "was changed"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed_named_and_mended(whole: Path, folder: Path, damage: str) -> None:
    spoil, word = DAMAGES[damage]
    spoil(folder)
    with pytest.raises(BenchmarkError):
        check_run(folder, Bright())
    with pytest.warns(RepairWarning, match=word):
        finish(runner(folder, "single"))
    assert written(folder) == written(whole)
    assert len(lines(folder / COSTS)) == 3
    assert check_run(folder, Bright()) == 10
    assert finish(runner(folder, "single")) == [10]


def test_only_the_shards_that_were_spoilt_are_drawn_again(folder: Path) -> None:
    before = lines(folder / COSTS)
    DAMAGES["a lost line in the middle"][0](folder)
    with pytest.warns(RepairWarning, match="4 images are left to draw"):
        assert finish(runner(folder, "single")) == [6, 10]
    after = lines(folder / COSTS)
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_an_edited_plan_is_noticed_and_restored(whole: Path, folder: Path) -> None:
    told = json.loads((folder / PLAN).read_text())
    told["recipe"]["seed"] = 5
    for content in (json.dumps(told), "", None):
        (folder / PLAN).unlink()
        if content is not None:
            (folder / PLAN).write_text(content)
            with pytest.raises(BenchmarkError, match=r"another plan\.json|cannot be read as the plan"):
                check_run(folder, Bright())
            with pytest.warns(RepairWarning, match=r"plan\.json was changed and is restored"):
                finish(runner(folder, "single"))
        else:
            finish(runner(folder, "single"))
        assert written(folder) == written(whole)


def test_a_run_that_is_being_mended_has_no_results(folder: Path) -> None:
    run = runner(folder, "single")
    write_results(read_results(folder, Bright()), run.store)
    assert finish(runner(folder, "single")) == [10]
    assert (folder / RESULTS).exists()
    first_picture(folder).unlink()
    steps = runner(folder, "single").run()
    with pytest.warns(RepairWarning, match="missing"):
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert not (folder / RESULTS).exists()


def test_edited_results_are_noticed(folder: Path) -> None:
    run = runner(folder, "single")
    write_results(read_results(folder, Bright()), run.store)
    assert check_run(folder, Bright()) == 10
    told = json.loads((folder / "results.json").read_text())
    told["scores"]["overall"]["value"] += 0.1
    (folder / "results.json").write_text(json.dumps(told))
    with pytest.raises(BenchmarkError, match=r"results\.json has other scores"):
        check_run(folder, Bright())
    told["scores"]["overall"]["value"] -= 0.1
    told["plan"]["recipe"]["seed"] = 7
    (folder / "results.json").write_text(json.dumps(told))
    with pytest.raises(BenchmarkError, match=r"results\.json has other plan"):
        check_run(folder, Bright())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda some: [*some, some[0]],
        lambda some: some[::-1],
        lambda some: some[1:],
        lambda some: [judged_otherwise(some[0]), *some[1:]],
    ],
    ids=["doubled", "reversed", "lost", "edited"],
)
def test_reports_and_analyses_take_only_lines_as_they_were_written(
    folder: Path, spoil: Callable[[list[bytes]], list[bytes]]
) -> None:
    check_lines(folder)
    change(folder / SAMPLES, spoil)
    with pytest.raises(BenchmarkError, match="is not as it was written; 'bench validate' says what was changed"):
        check_lines(folder)


def test_costs_that_are_lost_are_not_taken_for_small_ones(folder: Path) -> None:
    change(folder / COSTS, lambda some: some[1:])
    with pytest.raises(BenchmarkError, match="the costs of 6 images of 10"):
        read_results(folder, Bright())


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        (SAMPLES, {"verdict": "right"}, "verdict"),
        (SAMPLES, {"verdict": {"points": 1.0, "total": 1.0, "reason": "", "details": {}, "more": 1}}, "more"),
        (SAMPLES, {"tokens": None}, "tokens"),
        (COSTS, {"ledger": {"tokens": 1, "dreams": 2}}, "ledger"),
    ],
)
def test_lines_that_are_none_get_a_sentence(folder: Path, name: str, values: dict[str, object], reason: str) -> None:
    change(folder / name, lambda some: [edited(some[0], **values), *some[1:]])
    with pytest.raises(BenchmarkError, match=rf"{name}, line 1 is damaged \(.*{reason}"):
        read_results(folder, Bright())


def test_a_folder_in_the_place_of_lines_is_named(folder: Path) -> None:
    (folder / SAMPLES).unlink()
    (folder / SAMPLES).mkdir()
    for use in (lambda: read_results(folder, Bright()), lambda: finish(runner(folder, "single"))):
        with pytest.raises(BenchmarkError, match="Is a directory"):
            use()


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    first = runner(tmp_path, "single").run()
    next(first)
    with pytest.raises(OutputError, match=rf"written by process {os.getpid()} on \S+ since 20"):
        finish(runner(tmp_path, "single"))
    first.close()  # type: ignore[attr-defined]
    assert not (tmp_path / LOCK).exists()
    (tmp_path / LOCK).write_text("process 1 on a machine that is no more")
    assert finish(runner(tmp_path, "single"))[-1] == 10
    assert not (tmp_path / LOCK).exists()


def test_what_a_kill_left_is_removed_by_the_next_run(whole: Path, folder: Path) -> None:
    (folder / ".scalingar-0123456789abcdef.partial").mkdir()
    (folder / ".scalingar-0123456789abcdef.partial" / "0").write_bytes(b"half a pict")
    finish(runner(folder, "single"))
    assert written(folder) == written(whole)


def test_other_prompts_are_another_plan(folder: Path) -> None:
    prompts = {"one": ["a dog", "a cat", "a bird"], "two": ["two cats", "four clocks"]}
    other = runner(folder, "single")
    other.benchmark = Bright(prompts=prompts)
    other.plan = other.plan.of(other.benchmark)
    with pytest.raises(BenchmarkError, match="the prompts were edited: SHA-256"):
        finish(other)
    with pytest.raises(BenchmarkError, match="made of other prompts"):
        read_results(folder, other.benchmark)


def test_prompts_that_another_limit_chose_were_not_edited(folder: Path) -> None:
    limited = runner(folder, "single", limit=1)
    limited.plan = limited.plan.of(limited.benchmark)
    with pytest.raises(BenchmarkError) as caught:
        finish(limited)
    assert str(caught.value) == f"{folder} holds another run (limit: None there, 1 here); choose another folder."


def test_moved_files_are_the_same_plan_and_edited_ones_are_named(tmp_path: Path) -> None:
    plan = runner(tmp_path, "single").plan
    here, there = (plan.model_copy(update={"files": {"prompts": path}}) for path in ("p.jsonl", "data/p.jsonl"))
    here.check_same(there, tmp_path)
    assert here.digest == there.digest
    edited_there = there.model_copy(update={"content": {"prompts": "0" * 64}})
    with pytest.raises(BenchmarkError, match=r"the prompts of p\.jsonl were edited: SHA-256 000000000000 there"):
        here.check_same(edited_there, tmp_path)
    others = edited_there.model_copy(update={"files": {"prompts": "q.jsonl"}})
    with pytest.raises(BenchmarkError, match=r"\(the prompts of q\.jsonl there, those of p\.jsonl here\)"):
        here.check_same(others, tmp_path)


def test_moved_weights_are_the_same_plan(tmp_path: Path) -> None:
    plan = runner(tmp_path, "single").plan

    def at(name: str, weights: dict[str, str]) -> RunPlan:
        model = plan.recipe.model.model_copy(update={"name": name})
        recipe = plan.recipe.model_copy(update={"model": model})
        return plan.model_copy(update={"recipe": recipe, "weights": weights})

    at("here", {"w": "00"}).check_same(at("there", {"w": "00"}), tmp_path)
    with pytest.raises(BenchmarkError, match=r"weights\.w: '00' there, '01' here"):
        at("here", {"w": "01"}).check_same(at("there", {"w": "00"}), tmp_path)
    with pytest.raises(BenchmarkError, match=r"recipe\.model\.name: 'there' there, 'here' here"):
        at("here", {}).check_same(at("there", {}), tmp_path)


def test_a_run_that_told_no_kind_of_device_goes_on_as_it_began(whole: Path, folder: Path) -> None:
    """Begun by an earlier version; its plan, receipts and results stay as they are."""
    shutil.rmtree(folder / "images" / "000")
    run = runner(folder, "single", device_kind="x86_64 AVX2")
    with pytest.warns(RepairWarning, match="missing"):
        finish(run)
    assert written(folder) == written(whole)
    assert finish(runner(folder, "single", device_kind="x86_64 AVX2")) == [10]
    (folder / PLAN).unlink()
    assert finish(runner(folder, "single", device_kind="x86_64 AVX2")) == [10]
    assert written(folder) == written(whole)


def test_another_kind_of_device_is_another_run(tmp_path: Path) -> None:
    finish(runner(tmp_path, "single", device_kind="x86_64 AVX2"))
    with pytest.raises(BenchmarkError, match="device_kind: 'x86_64 AVX2' there, 'NVIDIA H200' here"):
        finish(runner(tmp_path, "single", device_kind="NVIDIA H200"))
