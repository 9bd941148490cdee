"""Ctrl-C: presses that come together are one, so that a stopped command can put its files in order."""

import signal
import threading
import time
from types import FrameType

TOGETHER = 2.0
"""Seconds after a press in which further ones are passed over; a later one interrupts what is then going on."""


class Interrupts:
    """A handler of SIGINT that raises KeyboardInterrupt, once for presses that come together."""

    def __init__(self) -> None:
        self.last = -TOGETHER
        """When it last raised, in seconds of the monotonic clock."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raises KeyboardInterrupt unless it just did."""
        now = time.monotonic()
        if now - self.last >= TOGETHER:
            self.last = now
            raise KeyboardInterrupt

    def is_over(self) -> None:
        """The command has ended: further presses are ignored, or Python would end by a signal, without a code."""
        if signal.getsignal(signal.SIGINT) is self:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    def install(self) -> None:
        """For the rest of the process, its end included; not where SIGINT is ignored or handled by somebody else."""
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self)
