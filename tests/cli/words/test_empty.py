from pathlib import Path

import pytest

from scalingar.cli.main import main

LEFT_OUT = "give it a value, or leave it out; see --help."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["generate", "a dog", "-o", ""], f"--output is empty; {LEFT_OUT}"),
        (["generate", "a dog", "--output="], f"--output is empty; {LEFT_OUT}"),
        (["generate", "a dog", "-o="], f"--output is empty; {LEFT_OUT}"),
        (["generate", "a dog", "--model", ""], f"--model is empty; {LEFT_OUT}"),
        (["generate", "a dog", "--config", ""], f"--config is empty; {LEFT_OUT}"),
        (["generate", "a dog", "--like", ""], f"--like is empty; {LEFT_OUT}"),
        (["generate", "--prompts", ""], f"--prompts is empty; {LEFT_OUT}"),
        (["compare", "a dog", "--strategy", ""], f"--strategy is empty; {LEFT_OUT}"),
        (["bench", "run", "geneval", "--strategy", ""], f"--strategy is empty; {LEFT_OUT}"),
        (["bench", "score", "geneval", ""], "FOLDER is empty; give it a value; see --help."),
        (["bench", "report", "runs", ""], "FOLDERS is empty; give it a value; see --help."),
        (["serve", "--reward", "pmi", "--reward", ""], f"--reward is empty; {LEFT_OUT}"),
        (["study", "serve", ""], "FOLDER is empty; give it a value; see --help."),
        (["verifier", "train", "", "--prompts", "x"], "MODEL is empty; give it a value; see --help."),
        (["calibrate", ""], "RUN is empty; give it a value; see --help."),
    ],
)
def test_what_is_empty_is_not_the_present_folder(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {message}\n")
    assert not list(tmp_path.iterdir())


def test_an_empty_prompt_has_its_own_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", ""]) == 1
    assert capsys.readouterr().err == "error: the prompt is empty; say what the image should show.\n"
