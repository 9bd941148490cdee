"""Completion of the shell."""

import pytest

from scalingar.cli.main import main


@pytest.mark.parametrize(
    ("typed", "offered"), [("scalingar gen", "generate"), ("scalingar generate --guid", "--guidance-scale")]
)
def test_commands_and_options_are_completed(
    typed: str, offered: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["scalingar"])
    monkeypatch.setenv("_SCALINGAR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    with pytest.raises(SystemExit):
        main([])
    assert offered in capsys.readouterr().out.split()
