"""Questions asked several at once, until the first error or Ctrl-C."""

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


def abreast(ask: Callable[[Q, Callable[[], bool]], A], questions: Sequence[Q], parallel: int) -> list[A]:
    """The answers in the order of the questions, ``parallel`` asked at once. Raises what ``ask`` raises first.

    ``ask`` gets a question and a function that says whether nobody waits any more: after an error, or Ctrl-C, what is
    under way is not awaited, neither here nor when the process ends.
    """
    left, lock, stop = iter(enumerate(questions)), Lock(), Event()
    ended: SimpleQueue[tuple[int, A | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        while not stop.is_set():
            with lock:
                place, question = next(left, (None, None))
            if place is None:
                return
            try:
                ended.put((place, ask(question, stop.is_set), None))  # type: ignore[arg-type]
            except BaseException as error:  # raised again by the one who waits
                ended.put((place, None, error))

    for _ in range(min(parallel, len(questions))):
        Thread(target=work, name="judge", daemon=True).start()
    answers: dict[int, A] = {}
    try:
        for _ in questions:
            place, answer, error = ended.get()
            if error is not None:
                raise error
            answers[place] = answer  # type: ignore[assignment]
    finally:
        stop.set()
    return [answers[place] for place in range(len(questions))]
