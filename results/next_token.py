"""docs/results/next-token.md."""

from collections.abc import Iterator

from results import csv_tables as of
from results.runs import DATA, group
from results.tables import Pair, differences, scores, summary
from scalingar.report.markdown import markdown_table

TITLES = {
    "single": "single",
    "random-of-8": "random of 8",
    "scheduler-only": "scheduler only, N = 1",
    "scaling-ar-v3": "**ScalingAR v3**",
    "termination-only": "termination only, v3",
    "scaling-ar-v3-start": "ScalingAR v3, C_min since the start",
    "termination-only-start": "termination only, C_min since the start",
    "termination-only-v1": "ScalingAR v1 (its schedule does not act)",
    "successive-halving": "successive halving (ours)",
    "most-confident-of-8": "most confident of 8",
    "likelihood-of-8": "likeliest of 8",
    "pmi-of-8": "PMI of 8",
    "best-of-4": "best of 4 (reward)",
    "best-of-6": "best of 6 (reward)",
    "best-of-8": "best of 8 (reward)",
    "allocate-3.2": "**allocate**, 3.2 each on average (reward)",
    "allocate-4": "**allocate**, 4 each on average (reward)",
    "threshold": "stop when good, threshold (reward)",
    "rank-sum-of-8": "rank sum of 8 (reward, half of likelihood)",
    "importance-sampling": "importance sampling (reward, λ = 10)",
}
PAIRS: list[Pair] = [
    ("ScalingAR v3 over one trajectory", "single", "scaling-ar-v3"),
    ("its schedule, nothing cut, over one trajectory", "single", "scheduler-only"),
    ("its schedule, over termination alone", "termination-only", "scaling-ar-v3"),
    ("most confident of eight, over ScalingAR v3", "scaling-ar-v3", "most-confident-of-8"),
    ("C_min since the start, termination only, over since the warm-up", "termination-only", "termination-only-start"),
    ("ScalingAR v1 over the most confident of eight", "most-confident-of-8", "termination-only-v1"),
    ("one late cut (successive halving) over the most confident of eight", "most-confident-of-8", "successive-halving"),
    ("best of eight by reward, over the most confident", "most-confident-of-8", "best-of-8"),
    ("the likeliest of eight, over the most confident", "most-confident-of-8", "likelihood-of-8"),
    ("allocate, 3.2 each, over the best of eight", "best-of-8", "allocate-3.2"),
    ("allocate, 4 each, over the best of four", "best-of-4", "allocate-4"),
    ("a threshold, over the best of four", "best-of-4", "threshold"),
    ("rank sum of reward and likelihood, over the reward", "best-of-8", "rank-sum-of-8"),
    ("importance sampling, over the best by reward", "best-of-8", "importance-sampling"),
]
SUITES = ("derived", "budget")
SUMMARY = ("single", "scaling-ar-v3", "most-confident-of-8", "best-of-8", "allocate-3.2")
"""What README quotes."""
SCALING = {
    "random": "random",
    "reward": "embedded",
    "importance (reward)": "importance, embedded",
    "confidence": "confidence",
    "PMI": "pmi",
    "termination only": "scaling-ar, termination only",
    "reward at its tokens": "embedded, tokens of termination",
    "confidence at its tokens": "confidence, tokens of termination",
    "oracle": "oracle",
}


def blocks() -> Iterator[tuple[str, str]]:
    """Every computed block of the page."""
    with group("next-token", *SUITES) as runs:
        yield "next-token", scores(runs, TITLES, "single")
        yield "summary", summary(runs, {name: TITLES[name].replace("**", "") for name in SUMMARY})
        yield "next-token-differences", differences(runs, PAIRS)
    yield "ablation", _ablation()
    yield "choices", _choices()
    yield "scaling", _scaling()
    yield "gates", _gates()
    yield "signals", _signals()
    yield "tune", _tune()


def _ablation() -> str:
    columns = {
        "rule": of.text("rule"),
        "score": of.estimate("score"),
        "tokens/image": of.number("tokens/image", 0),
        "against termination only": of.interval("against termination only"),
        "against a random one of 8": of.interval("against random-of-8"),
    }
    return of.table(of.read(DATA / "next-token" / "ablation.csv"), columns)


def _choices() -> str:
    columns = {
        "choice": of.text("rule"),
        "score": of.estimate("score"),
        "against equal tokens, nothing cut": of.interval("against equal tokens, nothing cut"),
        "share of tokens": of.number("tokens"),
        "survivors": of.number("survivors", 1),
        "images with other cuts": of.number("other cuts"),
    }
    return of.table(of.read(DATA / "next-token" / "choices.csv"), columns)


def _scaling() -> str:
    """A row per N, a column per rule."""
    found: dict[str, dict[str, of.Row]] = {}
    for row in of.read(DATA / "next-token" / "scaling.csv"):
        found.setdefault(row["N"], {})[row["rule"]] = row
    rows = []
    for n, rules in found.items():
        cells = [of.estimate("score")(rules[rule]) if rule in rules else "" for rule in SCALING.values()]
        rows.append([n, rules["random"]["images"], *cells])
    return markdown_table(["N", "images", *SCALING], rows)


def _gates() -> str:
    """One replayed run, a line per figure."""
    (row,) = of.read(DATA / "next-token" / "gates.csv")
    return markdown_table(["", ""], [[name, of.number(name)(row)] for name in row if name != "run" and row[name]])


def _signals() -> str:
    columns = {
        "signal": of.text("signal"),
        **{f"after {share}": of.number(f"at {share}") for share in ("12.5%", "25%", "50%", "75%")},
        "at the end": of.interval("among candidates", sign=""),
        "across prompts": of.interval("across prompts", sign=""),
    }
    rows = of.read(DATA / "next-token" / "signals.csv")
    return of.table(sorted(rows, key=lambda row: -float(row["among candidates"])), columns)


def _tune() -> str:
    """The rule found, and what it is held against."""
    columns = {
        "rule": of.text("rule"),
        "on its own half": of.number("fitted"),
        "on the other": of.estimate("score"),
        "tokens/image": of.number("tokens/image", 0),
        "against a random one of 8": of.interval("against random-of-8"),
    }
    rows = of.read(DATA / "next-token" / "tune.csv")
    gates = [row for row in rows if row["rule"].startswith("keep")]
    others = [row for row in rows if not row["rule"].startswith(("keep", "pick"))]
    return of.table([max(gates, key=lambda row: float(row["fitted"])), *others], columns)
