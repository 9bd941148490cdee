"""Write every table and figure of docs/results again, from docs/data: ``make results``."""

from collections.abc import Iterator
from itertools import chain

from results import guidance, next_scale, next_token, robustness, verdicts
from results.figures import figures
from results.page import fill
from results.runs import ROOT

PAGES = {
    "results/next-token.md": (next_token.blocks, guidance.blocks, robustness.blocks),
    "results/next-scale.md": (next_scale.blocks,),
    "world.md": (verdicts.blocks,),
}


def computed() -> Iterator[tuple[str, dict[str, str]]]:
    """Every page with its blocks."""
    for page, parts in PAGES.items():
        yield page, dict(chain.from_iterable(part() for part in parts))


def main() -> None:
    for page, blocks in computed():
        fill(ROOT / "docs" / page, blocks)
        print(page)
    for figure in figures():
        print(figure.name)


if __name__ == "__main__":
    main()
