import re

import pytest

from scalingar.cli.listing import TOPICS
from scalingar.cli.main import main
from scalingar.models.embedded.grammar import TERMINALS
from scalingar.pipeline.recipes.shipped import RECIPES, SUITES, Shelf
from scalingar.rewards import REWARDS
from scalingar.rewards.features import FEATURES
from scalingar.strategies import STRATEGIES


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["ls", *arguments]) == 0
    return capsys.readouterr().out


def test_everything_but_words_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys)
    for name in ("models", "embedded", "FoundationVision/Infinity:2b-1024", *STRATEGIES, *REWARDS, *FEATURES):
        assert name in text
    assert "giraffe" not in text


@pytest.mark.parametrize("topic", TOPICS)
def test_every_list_looks_alike(
    topic: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A title, and under it in two columns names and sentences without a stop; nothing is wider than the window."""
    monkeypatch.setenv("COLUMNS", "100")
    title, *lines = told(capsys, topic).rstrip("\n").splitlines()
    assert title.startswith(("words", topic[:-1]))
    assert all(len(line) <= 100 for line in (title, *lines))
    begins = {match.start(2) for line in lines if (match := re.match(r"(\s*\S+(?: \S+)*  +)(\S)", line))}
    assert len(begins) == 1
    assert not [line for line in lines if line.rstrip().endswith(".") or "`" in line or "Raises" in line]


def test_each_strategy_has_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(told(capsys, "strategies").split())
    for name in STRATEGIES:
        assert (STRATEGIES[name].__doc__ or "").split("\n")[0].replace("``", "").rstrip(".") in text
    assert "embedded-next-scale" not in text, "of another list"


def test_every_word_the_model_understands_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(told(capsys, "words").split())
    assert not [word for word in TERMINALS if word not in text]


@pytest.mark.parametrize(("topic", "shelf"), [("recipes", RECIPES), ("suites", SUITES)])
def test_recipes_and_suites_are_listed_with_what_they_are(
    capsys: pytest.CaptureFixture[str], topic: str, shelf: Shelf
) -> None:
    text = " ".join(told(capsys, topic).split())
    assert all(name in text and shelf.sentence(name)[:30] in text for name in shelf)
