"""What README, docs and the files at the root point to exists, and a figure stands where it was measured."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "scalingar"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXTS = [*PAGES, ROOT / "NOTICE", ROOT / "Makefile", *sorted(PACKAGE.glob("pipeline/recipes/**/*.yaml"))]
TOP = ("src", "training", "tests", "speed", "results", "docs", "examples")
ROOMS = tuple(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
PATH = re.compile(
    rf"(?<![\w./~-])(?:{'|'.join({*TOP, *ROOMS} - {'results'})})(?:/[\w-]+)*/(?:[\w-]+\.(?:py|md|yaml|txt|json|npz)\b)?"
)
THREE_PLACES = re.compile(r"\b0\.\d{3}\b")


def relative(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("text", TEXTS, ids=relative)
def test_paths_exist(text: Path) -> None:
    """A path is told from the root or, of the package, from its rooms."""
    content = LINK.sub("](", text.read_text("utf-8"))
    paths = {match[0] for match in PATH.finditer(content)}
    assert {path for path in paths if not (ROOT / path).exists() and not (PACKAGE / path).exists()} == set()


def test_every_page_of_docs_is_in_an_index() -> None:
    """The index leads to every page, some of them through the index of their folder."""
    indices = [ROOT / "docs" / "README.md", *ROOT.glob("docs/*/README.md")]
    linked = {
        (index.parent / target.partition("#")[0]).resolve()
        for index in indices
        for target in LINK.findall(index.read_text("utf-8"))
        if "://" not in target
    }
    assert set(ROOT.glob("docs/**/*.md")) - linked == {ROOT / "docs" / "README.md"}


def test_readme_quotes_the_results() -> None:
    """Result tables stand once, in docs/results; a row that README quotes is there to every digit."""
    results = "".join(page.read_text("utf-8") for page in ROOT.glob("docs/results/*.md"))
    measured = set(THREE_PLACES.findall(results))
    assert set(THREE_PLACES.findall((ROOT / "README.md").read_text("utf-8"))) <= measured


def test_readme_lists_the_rooms() -> None:
    tree = FENCED.findall((ROOT / "README.md").read_text("utf-8"))[-1]
    listed = re.findall(r"^(  )?(\w+)/ ", tree, re.MULTILINE)
    assert {name for indent, name in listed if indent} == set(ROOMS)
    assert [name for indent, name in listed if not indent] == list(TOP[1:])
