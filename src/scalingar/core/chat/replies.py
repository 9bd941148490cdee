"""Reading a judge's reply: it is an answer only if it is nothing else."""

import re
import unicodedata

_THOUGHTS = re.compile(r"^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
"""What a model writes to itself. A chat template may have opened it."""
_OPEN_THOUGHTS = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_MARKS = re.compile(r"<\|[^|<>]*\|>|</?\w+>|```\w*|\\(?:boxed|text|textbf)\b")
"""Marks of the end of a turn, tags, fences of code, LaTeX."""
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_ANSWER = re.compile(
    r"(?:(?:the )?(?:final )?(?:answers?|questions?|responses?|replies|reply|q|a) )?"
    r"(?:(?:to|for) )?(?:(?:question|q) )?(?:(?P<number>\d+) )?(?:is )?(?P<answer>yes|no) "
)
"""An answer, after the words by which one is called, each followed by a space."""


def parse_answers(text: str, count: int) -> tuple[bool, ...] | None:
    """True for each yes, False for each no; None unless the reply is ``count`` answers and nothing else.

    Punctuation, markdown, quotes, numbers, JSON, and words such as "Answer:" around an answer are read over, and so is
    what the model thought beforehand. Any other word, or numbers that are not 1, 2, 3 …, make it no answer: "No, I
    cannot help with that." is none.

    >>> parse_answers("1. **Yes**\\n2. no.", 2)
    (True, False)
    >>> parse_answers("Yes, there is a dog.", 1)
    """
    plain = _MARKS.sub(" ", _THOUGHTS.sub("", text))
    if _OPEN_THOUGHTS.search(text) and "</think" not in text.lower():
        return None
    words = _WORDS.findall(plain)
    if not all(_is_dress(sign) for sign in _WORDS.sub("", plain)):
        return None
    rest = "".join(f"{word.lower()} " for word in words)
    found: list[re.Match[str]] = []
    while match := _ANSWER.match(rest):
        found.append(match)
        rest = rest[match.end() :]
    numbers = [match["number"] for match in found]
    in_order = all(number in (None, str(place)) for place, number in enumerate(numbers, 1))
    if rest or len(found) != count or not in_order:
        return None
    return tuple(match["answer"] == "yes" for match in found)


def _is_dress(sign: str) -> bool:
    """Whether a sign may stand beside an answer: punctuation, symbols and spaces, none that ask or leave a choice."""
    return sign == "_" or (unicodedata.category(sign)[0] in "PSZC" and sign not in "?¿/")
