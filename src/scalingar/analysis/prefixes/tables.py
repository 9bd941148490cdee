"""A study of prefixes as tables in Markdown."""

from collections.abc import Sequence
from dataclasses import replace

from scalingar.analysis.outcomes.findings import Interval, format_cell
from scalingar.analysis.prefixes.spending import KEPT
from scalingar.analysis.prefixes.study import Length, Study
from scalingar.report.markdown import markdown_table

MEASURED = (
    "ρ: the share of the reward's variance within a prompt that lies between prefixes. Pairs by a perfect value: of "
    "two prefixes and one completion of each, how often somebody who knows the prefixes' mean rewards would order the "
    "completions, if rewards are normal. Pairs by other completions: how often the mean of the other completions does, "
    "a lower bound that asks for no distribution; beside it what it would be if rewards are normal."
)
HALVED = (
    "Measured. Half kept: the best of the prefixes whose other completions have the highest mean, in % of what the "
    "best of all gains over one image, a lower bound of what a perfect value would keep; beside it as many complete "
    "images as cost the same. Redrawn: what it adds to the best image to draw its own rest once more, and what a new "
    "image adds, both in σ, the reward's standard deviation within a prompt, for the tokens of an image."
)
COMPUTED = (
    "Computed from ρ for normal rewards, in % of what the best of 8 images gains over one, and of its tokens. Kept are "
    "the prefixes of the highest mean reward; beside it as many complete images as cost the same."
)


def page(study: Study) -> str:
    """Tables with the sentences that they need."""
    lengths, plan, forks = study.lengths(), study.plan, study.forks
    drawn, each = int(forks.tokens.sum()), forks.tokens_per_image
    parts = [
        f"# How much of an image's reward its prefix decides\n\n{study.title}: {len(study.tasks)} prompts, of each "
        f"{plan['prefixes']} prefixes with {plan['completions']} completions at every length; {drawn} tokens in all, "
        f"those of {drawn / each:.0f} images. Brackets are 95 % intervals, by a bootstrap over prompts.",
        decided_table(lengths, plan["completions"]),
        MEASURED,
        halved_table(lengths, plan["completions"]),
        HALVED,
        spending_table(lengths),
        COMPUTED,
    ]
    if by_task := task_table(study):
        parts.append(f"ρ by task:\n\n{by_task}".rstrip())
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def decided_table(lengths: Sequence[Length], completions: int) -> str:
    """How much is decided, a row per length."""
    return markdown_table(decided_head(completions), [decided_row(length) for length in lengths])


def decided_head(completions: int) -> list[str]:
    """Of rows as :func:`decided_row` makes them."""
    return ["prefix", "tokens", "ρ", "pairs by a perfect value", f"by {completions - 1} other completions", "if normal"]


def decided_row(length: Length) -> list[str]:
    """How much is decided by prefixes of one length."""
    found = length.decided
    return [
        length.share.name,
        percent(length.share.tokens),
        format_cell(found.rho),
        percents(found.ceiling),
        percents(found.by_others),
        percent(found.by_others_if_normal),
    ]


def halved_table(lengths: Sequence[Length], completions: int) -> str:
    """What half of the prefixes are worth, and what redrawing is, a row per length."""
    kept = f"half kept, by {completions - 1} other completions: gain"
    head = ["prefix", kept, "tokens", "complete images: gain", "redrawn", "new image", "difference"]
    return markdown_table(head, [_halved_row(length) for length in lengths])


def _halved_row(length: Length) -> list[str]:
    halved, redrawn = length.halved, length.redrawn
    told = ["–"] * 3
    if redrawn is not None:
        told = [
            format_cell(redrawn.redrawn),
            format_cell(redrawn.new),
            format_cell(replace(redrawn.difference, signed=True)),
        ]
    return [length.share.name, percents(halved.gain), percent(halved.tokens), percents(halved.complete), *told]


def spending_table(lengths: Sequence[Length]) -> str:
    """What could be gained at most, a row per length: gain, tokens, and complete images at these tokens."""
    head = ["prefix"]
    for kept in KEPT:
        head += [f"{kept} kept: gain", "tokens", "complete images"]
    return markdown_table(head, [_spending_row(length) for length in lengths])


def _spending_row(length: Length) -> list[str]:
    row = [length.share.name]
    for cut in length.cuts:
        row += [percents(cut.gain), percent(cut.tokens), percent(cut.complete)]
    return row if length.cuts else row + ["–"] * (3 * len(KEPT))


def task_table(study: Study) -> str:
    """ρ of each task; empty where there is only one."""
    tasks = study.by_task()
    rows = [
        [name, str(study.tasks.count(name)), *(format_cell(each.rho) for each in found)]
        for name, found in tasks.items()
    ]
    return markdown_table(["task", "prompts", *(share.name for share in study.forks.shares)], rows) if rows else ""


def percent(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:.1f} %"


def percents(value: Interval | None) -> str:
    """A share with its interval, in percent."""
    return "–" if value is None else f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}] %"
