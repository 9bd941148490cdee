"""Write every computed table and figure of README and docs again, from docs/data: ``make results``."""

from itertools import chain
from pathlib import Path

from results import budget, guidance, next_scale, next_token, prefixes, rivals, robustness, verdicts, verifier
from results.figures import figures
from results.page import fill, names
from results.runs import ROOT

PARTS = (
    next_token.blocks,
    guidance.blocks,
    robustness.blocks,
    next_scale.blocks,
    rivals.blocks,
    prefixes.blocks,
    verdicts.blocks,
    verifier.blocks,
    budget.blocks,
)


def blocks() -> dict[str, str]:
    """Everything that a page may show, by name."""
    return dict(chain.from_iterable(part() for part in PARTS))


def pages() -> list[Path]:
    """The pages that show something computed."""
    return [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if names(page.read_text())]


def main() -> None:
    computed = blocks()
    for page in pages():
        fill(page, computed)
        print(page.relative_to(ROOT))
    for figure in figures():
        print(figure.relative_to(ROOT))


if __name__ == "__main__":
    main()
