"""Pages whose tables are computed: what stands between ``<!-- computed: NAME -->`` and ``<!-- end -->``."""

import re
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"(<!-- computed: (?P<name>[\w-]+) -->\n)(?:(?!<!-- computed).)*?(<!-- end -->)", re.DOTALL)


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """The page with each of its blocks as given.

    Raises KeyError for a block that nothing computes, ValueError for one without its end.
    """
    if text.count("<!-- computed: ") != len(names(text)):
        raise ValueError(f"of {text.count('<!-- computed: ')} blocks only {', '.join(names(text))} have an end")
    return _BLOCK.sub(lambda match: f"{match[1]}\n{blocks[match['name']].strip()}\n\n{match[3]}", text)


def names(text: str) -> list[str]:
    """The blocks of a page."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def fill(page: Path, blocks: Mapping[str, str]) -> None:
    """Write a page with its blocks as given."""
    page.write_text(filled(page.read_text(), blocks))
