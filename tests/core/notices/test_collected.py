import threading
import warnings

import pytest

from scalingar.core.notices.collected import collected


class OtherWarning(UserWarning):
    """Of another kind."""


def warn(text: str, kind: type[Warning] = UserWarning) -> None:
    warnings.warn(text, kind, stacklevel=1)


def test_a_block_hears_its_own_warnings_again_and_again() -> None:
    for _ in range(2):  # Python shows the second no more
        with collected(UserWarning) as outer:
            warn("first\n of all")
            with collected(OtherWarning) as inner:
                warn("second.")
                warn("third", OtherWarning)
        warn("later")
        assert outer == ["first of all.", "second.", "third."]
        assert inner == ["third."]


def test_another_threads_warnings_are_its_own() -> None:
    with collected(UserWarning) as told:
        other = threading.Thread(target=warn, args=["elsewhere"])
        other.start()
        other.join()
        warn("here")
    assert told == ["here."]


def test_warnings_are_shown_as_before() -> None:
    with pytest.warns(UserWarning, match="shown"), collected() as told:
        warn("shown")
    shown: list[str] = []
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: shown.append(str(message))
        with collected(UserWarning) as told:
            warn("heard and shown")
    assert (told, shown) == (["heard and shown."], ["heard and shown"])
