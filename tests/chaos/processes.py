"""Work in processes of its own, which can be killed. They are forks, so that what is imported is imported once."""

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PAUSE = 0.005


@dataclass
class Process:
    """A running fork."""

    number: int

    @classmethod
    def start(cls, action: Callable[[], int | None], errors: Path | None = None) -> "Process":
        """Run ``action``, whose result is the exit code; what it prints goes nowhere, its errors into a file.

        The parent must have no threads, so it must not have computed anything with torch.
        """
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                sink = os.open(os.devnull, os.O_WRONLY)
                os.dup2(sink, 1)
                if errors is not None:
                    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about what is repaired
                    code = action() or 0
            finally:
                os._exit(code)
        return cls(child)

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code, negative if a signal ended it; None if it is still running after so long."""
        end = None if seconds is None else time.perf_counter() + seconds
        while True:
            number, status = os.waitpid(self.number, 0 if end is None else os.WNOHANG)
            if number:
                return os.waitstatus_to_exitcode(status)
            if end is not None and time.perf_counter() >= end:
                return None
            time.sleep(_PAUSE)

    def kill(self) -> None:
        """End it at once."""
        os.kill(self.number, signal.SIGKILL)
        self.wait()
