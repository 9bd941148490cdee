"""All trajectories of an image as HTML: pictures, fates, counts and lines."""

import math

from scalingar.core.outputs import Candidate
from scalingar.core.pixels import png_bytes
from scalingar.report.plain import descent, final_confidence, last_reward
from scalingar.serve.studio.curves import curves
from scalingar.serve.studio.moment import Moment
from scalingar.serve.studio.overlay import entropy_overlay, most_entropy
from scalingar.serve.studio.text import data_url, picture_url, words

_SMALL = 200
"""Pictures below this side are shown with their pixels."""


def board(moment: Moment, *, lossy: bool = False) -> str:
    """A moment with its lines. ``lossy``: it is replaced soon, so that its pictures need not be exact."""
    return (
        f'<section class="studio-board" aria-label="{words(moment.prompt)}">{counts(moment)}'
        f'<div class="studio-sides">{tiles(moment, lossy=lossy)}<div class="studio-curves">{curves(moment)}</div></div>'
        "</section>"
    )


def counts(moment: Moment) -> str:
    """Where it stands, and what it has cost."""
    name, course = moment.course.step_name, moment.course
    there = moment.position
    grid = f" ({'{} × {}'.format(*course.grids[there - 1])})" if course.by_scale and there else ""
    told = [
        f"{name} <b>{there}</b> of {moment.total}{grid}",
        f'tokens drawn <b class="drawn">{moment.drawn}</b> of {moment.full}',
        f'saved by cuts <b class="saved">{moment.saved}</b>',
        f"seed <b>{moment.seed}</b>",
    ]
    bar = f'<progress max="{moment.total}" value="{there}" aria-label="{name}s done"></progress>'
    return f'<p class="studio-counts">{"".join(f"<span>{part}</span>" for part in told)}</p>{bar}'


def tiles(moment: Moment, *, lossy: bool = False) -> str:
    """A picture for each trajectory that has begun; a click shows its entropy where a model has one per token."""
    most = most_entropy(list(moment.candidates))
    made = "".join(_tile(moment, candidate, most, lossy=lossy) for candidate in moment.candidates)
    return f'<div class="studio-tiles">{made}</div>'


def _tile(moment: Moment, candidate: Candidate, most: float, *, lossy: bool) -> str:
    chosen = candidate.index == moment.chosen
    kind = "chosen" if chosen else "cut" if candidate.cut is not None else "live" if moment.live(candidate) else "done"
    fate = "chosen" if chosen else "drawing" if moment.live(candidate) else candidate.fate
    more = [fate, *([descent(candidate)] if candidate.parent is not None else [])]
    head = " · ".join([f"#{candidate.index}", *_figures(candidate)])
    return (
        f'<figure class="studio-tile {kind}">{_picture(moment, candidate, fate, most, lossy=lossy)}'
        f"<figcaption><b>{words(head)}</b><span>{words('; '.join(more))}</span></figcaption></figure>"
    )


def _figures(candidate: Candidate) -> list[str]:
    confidence, reward = final_confidence(candidate), last_reward(candidate, "")
    scores = candidate.rewards or ({"reward": reward} if math.isfinite(reward) else {})
    level = [f"C {confidence:.3f}"] if math.isfinite(confidence) else []
    return [*level, *(f"{name.partition(':')[0]} {value:.3f}" for name, value in scores.items())]


def _picture(moment: Moment, candidate: Candidate, fate: str, most: float, *, lossy: bool) -> str:
    assert candidate.image is not None  # whoever shows a moment has decoded it
    alt = f"trajectory {candidate.index}, {fate}"
    size = "small" if max(candidate.image.size) < _SMALL else "large"
    shown = f'<img class="{size}" alt="{words(alt)}" src="{picture_url(candidate.image, lossy=lossy)}">'
    early, late = moment.course.grids[0], moment.course.grids[-1]  # of a preview, and of the image
    first = moment.course.tokens - late[0] * late[1]
    whole = len(candidate.codes) > first
    over = None if moment.course.by_scale else entropy_overlay(candidate, late if whole else early, most, first * whole)
    if over is None:
        return f'<div class="studio-picture">{shown}</div>'
    title = f"entropy of each token, light is {most:.1f} nats; click to show or hide"
    cover = data_url(png_bytes(over), "image/png")
    return (
        f'<button type="button" class="studio-picture" title="{title}">{shown}'
        f'<img class="entropy" alt="entropy of each token" src="{cover}"></button>'
    )
