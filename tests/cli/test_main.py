import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from scalingar import __version__
from scalingar.cli import main as module
from scalingar.cli.main import main
from scalingar.core.errors import WeightsError


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"scalingar {__version__}\n"


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "generate" in out
    assert "ls" in out


@pytest.mark.parametrize("command", [["--help"], ["generate", "--help"], ["ls", "-h"]])
def test_help_does_not_wait_for_torch(command: list[str]) -> None:
    program = (
        "import sys; from scalingar.cli.main import main; "
        f"assert main({command}) == 0; "
        "heavy = {'torch', 'matplotlib', 'numpy', 'PIL', 'yaml'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generat"], "No such command 'generat'"),
        (["generate", "a dog", "--sed", "1"], "No such option: --sed"),
        (["generate", "a dog", "-n", "many"], "Invalid value for '-n' / '--num-trajectories'"),
        (["generate"], "error: there is no prompt"),
        (["generate", "a", "dog"], "and 'a' is a single word; put each prompt in quotes"),
        (["generate", "--config", "a.yaml", "--like", "b.png"], "choose one"),
        (["ls", "word"], "there is no list 'word'; did you mean 'words'?"),
    ],
)
def test_wrong_usage_is_one_line_and_two(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (WeightsError("w is damaged"), 1, "error: w is damaged\n"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was left half written\n"),
        (MemoryError(), 1, "error: memory is full; try fewer trajectories (-n), fewer images (-k) or --dtype bf16.\n"),
        (BrokenPipeError(), 1, ""),
        (OSError(28, "No space"), 1, "error: cannot read or write the standard output: No space.\n"),
        (PermissionError(13, "Not allowed", "f.png"), 1, "error: cannot read or write f.png: Not allowed.\n"),
        (
            RuntimeError("two\nlines"),
            1,
            "error: unexpected RuntimeError: two lines (a bug; python -X dev -m scalingar shows where).\n",
        ),
    ],
)
def test_failures_never_show_a_traceback(
    error: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("scalingar.cli.listing._words", fail)
    assert main(["ls", "words"]) == code
    assert capsys.readouterr().err == message


def test_warnings_are_lines_whatever_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "scalingar.cli.listing._words", lambda *_: warnings.warn("two\n lines", UserWarning, stacklevel=1)
    )
    assert main(["ls", "words"]) == 0
    assert capsys.readouterr().err == "warning: two lines\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [["--version"], ["generate", "--print-config"]])
def test_a_full_disk_behind_the_output_is_one_sentence(words: list[str]) -> None:
    command = [sys.executable, "-m", "scalingar", *words]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: cannot read or write the standard output: No space left on device.\n"


def test_the_entry_point_gives_the_code_back() -> None:
    assert module.FAILED == 1
    done = subprocess.run([sys.executable, "-m", "scalingar", "generate"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "settings", [b"text.usetex: True", b"backend: of another version", b"\xff\xfe", b"figure.dpi: much"]
)
def test_a_users_settings_for_plots_are_not_asked(
    settings: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rc").write_bytes(settings)
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path / "rc"))
    monkeypatch.setenv("MPLBACKEND", "of another version")
    program = (
        "from scalingar.cli.main import main; "
        "assert main(['--version']) == 0; import scalingar.report; import matplotlib; "
        "assert matplotlib.get_backend() == 'agg'; assert not matplotlib.rcParams['text.usetex']"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
