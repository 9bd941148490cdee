"""The authors' protocol, from a made-up script that is built as theirs is."""

from pathlib import Path

import pytest
from PIL import Image

from scalingar.bench.benchmarks.tiif import TIIF, TIIFSettings
from scalingar.bench.benchmarks.tiif_protocol import SCRIPT, read_protocol
from scalingar.bench.build_benchmark import build_benchmark
from scalingar.bench.judges.questions import JudgeSettings
from scalingar.core.errors import BenchmarkError, ConfigError
from tests.bench.benchmarks.test_tiif import write
from tests.bench.judging import Reciting

SOURCE = '''
raise SystemExit("the script is read, not run")
first = "One: @@ ?"
second = """Two:
@@"""
third = "Three: @@ {count}"
other = "nothing"

def ask(client, questions, text):
    prompt = random.choice([first, second, third]).replace("@@", "\\n".join(questions))
    messages = [{"role": "system", "content": "You look."}, {"role": "user", "content": [prompt]}]
    return client.create(messages=messages, temperature=1.0)
'''


def repository(folder: Path, source: str = SOURCE) -> Path:
    """Its folder of data."""
    (folder / SCRIPT).parent.mkdir(parents=True)
    (folder / SCRIPT).write_text(source)
    return write(folder / "data")


def test_words_and_temperature_are_read_from_the_script(tmp_path: Path) -> None:
    protocol = read_protocol(repository(tmp_path))
    assert protocol.wording.system == "You look."
    assert [protocol.wording.prompt(n, ["a?", "b?"]) for n in range(4)] == [
        "One: a?\nb? ?", "Two:\na?\nb?", "Three: a?\nb? 2", "One: a?\nb? ?",
    ]  # fmt: skip
    judge = protocol.applied(JudgeSettings(model="seer"))
    assert (judge.temperature, judge.wording) == (1.0, protocol.wording)


def test_a_run_says_that_it_is_official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    settings = {"folder": str(repository(tmp_path)), "judge": {"model": "seer"}}
    official = build_benchmark("tiif", {**settings, "protocol": "official"})
    assert official.label == ("TIIF-Bench testmini (long prompts, judged by seer, temperature 1, official protocol)")
    assert official.provenance["protocol"].startswith("official, sha256:")
    pinned = build_benchmark("tiif", settings)
    assert pinned.label == "TIIF-Bench testmini (long prompts, judged by seer, temperature 0)"
    assert "protocol" not in pinned.provenance


def test_what_would_not_be_official_is_refused(tmp_path: Path) -> None:
    protocol = read_protocol(repository(tmp_path))
    assert protocol.applied(JudgeSettings(model="seer", temperature=1)).temperature == 1
    with pytest.raises(ConfigError, match=r"asks at temperature 1, not judge\.temperature=0\.5"):
        protocol.applied(JudgeSettings(model="seer", temperature=0.5))
    with pytest.raises(ConfigError, match=r"leave judge\.wording out"):
        protocol.applied(JudgeSettings(model="seer", wording=protocol.wording))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def", "is no Python"),
        (SOURCE.replace("third = ", "x.third = [0] or "), "holds 2 templates, 1 system messages and 1 temperatures"),
        (SOURCE.replace('"system"', '"user"'), "0 system messages"),
        (SOURCE.replace("temperature=1.0", "temperature=t"), "0 temperatures, not 3, 1 and 1"),
    ],
)
def test_another_script(source: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=complaint):
        read_protocol(repository(tmp_path, source))


def test_a_copy_of_the_data_alone(tmp_path: Path) -> None:
    with pytest.raises(
        BenchmarkError, match=r"eval_with_vlm\.py: No such file .*set folder to data in a copy of their"
    ):
        read_protocol(write(tmp_path / "data"))
    pinned = TIIF(TIIFSettings(folder=tmp_path / "data", judge=JudgeSettings(model="m")), Reciting(lambda _: True))
    assert pinned.score(pinned.items()[1], [Image.new("RGB", (4, 4))])[0].correct
