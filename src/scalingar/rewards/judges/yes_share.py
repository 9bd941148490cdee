"""How probable a yes is, from the first word of a completion."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

_DRESS = " \t\n\"'`*.,!:_▁Ġ"
"""What may stand beside the word in its token."""
LEAST = 0.5
"""Of the probability that yes and no have together; with less, the model is about to say something else."""


def as_answer(token: str) -> bool | None:
    """True for a token that says yes, False for one that says no, None for any other."""
    word = token.strip(_DRESS).casefold()
    return {"yes": True, "no": False}.get(word)


def share_of_yes(chances: Mapping[str, float]) -> float | None:
    """P(yes) / (P(yes) + P(no)) from the chances of the first token; None if neither is likely."""
    sums = {True: 0.0, False: 0.0}
    for token, chance in chances.items():
        answer = as_answer(token)
        if answer is not None:
            sums[answer] += chance
    both = sums[True] + sums[False]
    return sums[True] / both if both >= LEAST else None


def first_chances(completion: Any) -> dict[str, float] | None:
    """Chances of the likeliest first tokens of a completion of OpenAI's protocol; None if it has none.

    Entries that are no logarithm of a probability are left out.
    """
    try:
        first = completion.choices[0].logprobs.content[0]
        told: Iterable[Any] = [*(first.top_logprobs or ()), first]
        pairs = {entry.token: entry.logprob for entry in told if isinstance(entry.token, str)}
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
    numbers = {token: value for token, value in pairs.items() if isinstance(value, int | float) and value <= 1e-6}
    chances = {token: math.exp(value) for token, value in numbers.items()}
    return chances if 0 < sum(chances.values()) <= 1.01 else None
