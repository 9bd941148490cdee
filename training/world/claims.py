"""Claims about a picture, how true they are, and claims that are almost true."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from scalingar.models.embedded.grammar import TERMINALS
from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS
from training.world.own_colors import OWN_COLORS
from training.world.scenes import OBJECT_SIZE, SceneObject

MORE, LESS = 0.3, 0.1
"""Targets for pictures that show more than is claimed, and for those that show less, times the share they show."""
Item = tuple[str, str | None]
"""Class and claimed colour."""


@dataclass(frozen=True)
class Thing:
    """An object in a picture, intact (``whole``) or damaged."""

    item: SceneObject
    whole: bool = True


@dataclass(frozen=True)
class Claim:
    """One of GenEval's six kinds: ``count`` of one item, or up to two items, possibly in a relation."""

    items: tuple[Item, ...]
    count: int = 1
    relation: str | None = None

    def words(self) -> list[int]:
        """Terminal ids, as :func:`scalingar.models.embedded.grammar.parse` gives them for the prompt."""
        first, *rest = [_item_words(item) for item in self.items]
        if self.count > 1:
            return [TERMINALS.index(NUMBERS[self.count - 2]), *first]
        if not rest:
            return first
        return [*first, TERMINALS.index(self.relation or "and"), *rest[0]]


def _item_words(item: Item) -> list[int]:
    name, color = item
    noun = len(TERMINALS) - len(OBJECT_CLASSES) + OBJECT_CLASSES.index(name)
    return [noun] if color is None else [TERMINALS.index(color), noun]


def truth(claim: Claim, things: list[Thing]) -> float:
    """1: exactly what is claimed. ``MORE``: with other things. Up to ``LESS``: not everything, or not the relation."""
    left, found = list(things), []
    wanted = [item for item in claim.items for _ in range(claim.count)]
    for name, color in wanted:
        match = next((t for t in left if t.whole and t.item.name == name and color in (None, _color(t))), None)
        if match is not None:
            left.remove(match)
            found.append(match)
    if len(found) < len(wanted):
        return LESS * len(found) / len(wanted)
    if claim.relation is not None and not holds(found[0].item, claim.relation, found[1].item):
        return LESS
    if claim.count > 1 and any(thing.item.name == claim.items[0][0] for thing in left):
        return LESS
    return MORE if left else 1.0


def _color(thing: Thing) -> str | None:
    return thing.item.color or OWN_COLORS.get(thing.item.name)


def holds(first: SceneObject, relation: str, second: SceneObject) -> bool:
    """Whether ``first`` is in the relation: mainly along its axis, and at least a fifth of an object away."""
    across = np.subtract(first.box[:2], second.box[:2])
    along = across[0] if relation in ("left of", "right of") else across[1]
    along = -along if relation in ("left of", "above") else along
    return bool(along - OBJECT_SIZE / 5 > np.hypot(*across) / 2)


def describe(things: list[Thing]) -> Claim | None:
    """A true claim about all intact things, if the grammar has one."""
    whole = [thing.item for thing in things if thing.whole]
    names = {item.name for item in whole}
    if len(whole) > 1 and len(names) == 1:
        return Claim(((whole[0].name, None),), count=len(whole))
    if len(whole) in (1, 2):
        return Claim(tuple((item.name, item.color) for item in whole))
    return None


def changed(rng: Generator, claim: Claim) -> Claim:
    """The claim with one thing changed, which may be true of a picture or not."""
    changes: list[Callable[[Generator, Claim], Claim]] = [other_class]
    if claim.count == 1 and claim.relation is None:
        changes += [other_color, one_more_or_less]
    if len(claim.items) == 1:
        changes.append(other_count)
    elif all(color is None for _, color in claim.items):
        changes += [other_relation, other_relation]
    else:
        changes.append(swapped_colors)
    return changes[int(rng.integers(len(changes)))](rng, claim)


def other_class(rng: Generator, claim: Claim) -> Claim:
    index = int(rng.integers(len(claim.items)))
    return _with(claim, index, (str(rng.choice(OBJECT_CLASSES)), claim.items[index][1]))


def other_color(rng: Generator, claim: Claim) -> Claim:
    index = int(rng.integers(len(claim.items)))
    return _with(claim, index, (claim.items[index][0], str(rng.choice(COLORS))))


def one_more_or_less(rng: Generator, claim: Claim) -> Claim:
    if len(claim.items) == 2:
        return Claim((claim.items[int(rng.integers(2))],))
    color = None if claim.items[0][1] is None else str(rng.choice(COLORS))
    return Claim((*claim.items, (str(rng.choice(OBJECT_CLASSES)), color)))


def other_count(rng: Generator, claim: Claim) -> Claim:
    return Claim(((claim.items[0][0], None),), count=int(rng.integers(1, 5)))


def other_relation(rng: Generator, claim: Claim) -> Claim:
    return replace(claim, relation=str(rng.choice(RELATIONS)))


def swapped_colors(rng: Generator, claim: Claim) -> Claim:
    (a, a_color), (b, b_color) = claim.items
    return Claim(((a, b_color), (b, a_color)))


def _with(claim: Claim, index: int, item: Item) -> Claim:
    items = tuple(item if i == index else old for i, old in enumerate(claim.items))
    return replace(claim, items=items)
