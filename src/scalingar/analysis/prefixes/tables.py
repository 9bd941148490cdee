"""A study of prefixes as tables in Markdown."""

from collections.abc import Sequence

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
    "Measured. Gains are of the best image over one image, in % of what the best of all K gains. Kept are the prefixes "
    "whose other completions have the highest mean, a lower bound of what a perfect value would keep; beside it as "
    "many complete images as cost the same. Last column: the best of several completions of one prefix minus the best "
    "of as many complete images as cost the same, in σ, the reward's standard deviation within a prompt."
)
COMPUTED = (
    "Computed from ρ for normal rewards, in % of what the best of 8 images gains and of its tokens. Kept are the "
    "prefixes of the highest mean reward; beside it as many complete images as cost the same. One prefix: any one is "
    "completed until that has cost as much as 8 images."
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
    head = ["prefix", "tokens", "ρ", "pairs by a perfect value", f"by {completions - 1} other completions", "if normal"]
    return markdown_table(head, [_decided_row(length) for length in lengths])


def _decided_row(length: Length) -> list[str]:
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
    """What half of the prefixes and several completions of one are worth, a row per length."""
    kept = f"half kept, by {completions - 1} other completions: gain"
    head = ["prefix", kept, "tokens", "complete images: gain", f"best of {completions} completions of one prefix"]
    return markdown_table(head, [_halved_row(length) for length in lengths])


def _halved_row(length: Length) -> list[str]:
    halved, completed = length.halved, length.completed
    return [
        length.share.name,
        percents(halved.gain),
        percent(halved.tokens),
        percents(halved.complete),
        "–" if completed is None or completed.measured is None else _signed(completed.measured),
    ]


def spending_table(lengths: Sequence[Length]) -> str:
    """What could be gained at most, a row per length: gain, tokens, and complete images at these tokens."""
    head = ["prefix"]
    for kept in KEPT:
        head += [f"{kept} kept: gain", "tokens", "complete images"]
    return markdown_table([*head, "one prefix: completions", "gain"], [_spending_row(length) for length in lengths])


def _spending_row(length: Length) -> list[str]:
    row = [length.share.name]
    if length.completed is None:
        return row + ["–"] * (3 * len(KEPT) + 2)
    for cut in length.cuts:
        row += [percents(cut.gain), percent(cut.tokens), percent(cut.complete)]
    return [*row, f"{length.completed.count:.1f}", percents(length.completed.gain)]


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


def _signed(value: Interval) -> str:
    return f"{value.value:+.2f} [{value.low:+.2f}, {value.high:+.2f}] σ"
