"""``scalingar``: the commands, and how their errors are shown."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from scalingar.cli.analyses.calibrate import calibrate
from scalingar.cli.analyses.commands import analyze
from scalingar.cli.analyses.consistency import consistency
from scalingar.cli.analyses.prefixes import prefixes
from scalingar.cli.bench.commands import bench
from scalingar.cli.convert import convert
from scalingar.cli.doctor import doctor
from scalingar.cli.generate import generate
from scalingar.cli.interrupts import Interrupts
from scalingar.cli.listing import ls
from scalingar.cli.many.compare import compare
from scalingar.cli.plain_warnings import plain_warnings
from scalingar.cli.servers.serve import serve
from scalingar.cli.servers.studio import studio
from scalingar.cli.servers.study import study
from scalingar.cli.terminal import say, spell_out_unknown_letters
from scalingar.cli.verifier import verifier
from scalingar.cli.words.empty import WithoutEmptyValues
from scalingar.cli.words.paths import takes_paths
from scalingar.cli.words.prompt_and_settings import with_literal_prompt, with_short_values
from scalingar.core.errors import ScalingarError

FAILED, USAGE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    name="scalingar",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(generate)
app.command()(compare)
app.command("ls")(ls)
app.command()(convert)
app.command()(doctor)
app.command()(serve)
app.command()(studio)
app.add_typer(bench, name="bench")
app.add_typer(study, name="study")
app.add_typer(verifier, name="verifier")
analyze.command()(consistency)
analyze.command()(prefixes)
app.add_typer(analyze, name="analyze")
app.command()(calibrate)
for group in (app, bench, study, analyze, verifier):
    for command in group.registered_commands:
        assert command.callback is not None  # all are made from functions
        command.callback = takes_paths(command.callback)
        command.cls = WithoutEmptyValues


def _show_version(show: bool) -> None:
    if show:
        from scalingar import __version__  # noqa: PLC0415

        print(f"scalingar {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Test-time scaling for autoregressive image generation."""
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 for what cannot be done, 2 for wrong usage, 130 for Ctrl-C.

    Failures are one sentence on stderr. A bug shows its traceback under ``python -X dev -m scalingar``.
    """
    interrupts = Interrupts()
    try:
        spell_out_unknown_letters()
        # No window opens, and no file of settings is read: matplotlib cannot be imported with one that it cannot read.
        os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
        if arguments is None:  # a process of its own
            interrupts.install()
        words = sys.argv[1:] if arguments is None else arguments
        with plain_warnings():
            returned = app(with_literal_prompt(with_short_values(words)), prog_name="scalingar", standalone_mode=False)
        code = returned if isinstance(returned, int) else 0
        print(end="", flush=True)  # here, where a full disk gets a sentence, and not while Python ends
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except ScalingarError as error:
        return _fail(str(error))
    except Exception as error:
        return _fail_otherwise(error)
    if code == INTERRUPTED:
        interrupts.is_over()
        print("interrupted; nothing was left half written", file=sys.stderr)
    return code


def _fail(message: str, code: int = FAILED) -> int:
    with suppress(OSError):  # stderr may be full or closed, too
        say(f"error: {message}", to_stderr=True, flush=True)
    return code


def _drop_output() -> None:
    """Point stdout to nowhere if it cannot take what it holds, so that Python does not try once more while it ends."""
    try:
        print(end="", flush=True)
    except OSError:
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail_otherwise(error: Exception) -> int:
    """Other exceptions: wrong usage, a closed pipe, a full disk, no memory left, or a bug."""
    explain = getattr(error, "format_message", None)
    if explain is not None:
        return _fail(
            explain().removeprefix("Invalid value: ").rstrip(".") + "; see --help.", getattr(error, "exit_code", USAGE)
        )
    if isinstance(error, OSError):
        _drop_output()
        if isinstance(error, BrokenPipeError):
            return FAILED
        if error.errno is not None:
            where = "the standard output" if error.filename is None else error.filename
            return _fail(f"cannot read or write {where}: {error.strerror}.")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return _fail("memory is full; try fewer trajectories (-n), fewer images (-k) or --dtype bf16.")
    if sys.flags.dev_mode:
        raise error
    text = " ".join(str(error).split())
    return _fail(f"unexpected {type(error).__name__}: {text} (a bug; python -X dev -m scalingar shows where).")
