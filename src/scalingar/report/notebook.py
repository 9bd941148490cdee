"""What a notebook shows of a run, as HTML that needs nothing else: sheets as pictures in the text, and costs."""

import base64
from collections.abc import Callable, Sequence
from html import escape

from PIL import Image

from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.core.pixels import png_bytes
from scalingar.report.contact_sheet import contact_sheet, tiles_of

MOST_SHEETS = 8
"""Sheets of one output: a notebook keeps them in its file. Further images are counted."""


def output_html(
    results: Sequence[PromptResult],
    ledger: Ledger,
    full_tokens: int,
    preview: Callable[[Candidate], Image.Image],
    chosen_by: str | None = None,
) -> str:
    """Sheets with fates, and what they cost together; ``full_tokens``: what all trajectories would have drawn;
    ``chosen_by``: the strategy's signal."""
    parts = [
        _picture(contact_sheet(tiles_of(one, preview, chosen_by), one.prompt), one) for one in results[:MOST_SHEETS]
    ]
    if len(results) > MOST_SHEETS:
        parts.append(f"<p>and {len(results) - MOST_SHEETS} more images</p>")
    share = f" of {full_tokens} ({ledger.tokens / full_tokens:.0%})" if full_tokens > ledger.tokens else ""
    costs = {
        "tokens drawn": f"{ledger.tokens}{share}",
        "images decoded": str(ledger.decodes),
        "reward calls": str(ledger.reward_calls),
        "seconds": f"{ledger.total_seconds:.2f}",
    }
    rows = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in costs.items())
    return "".join([*parts, f"<table>{rows}</table>"])


def _picture(sheet: Image.Image, result: PromptResult) -> str:
    text = f"{len(result.candidates)} trajectories of {result.prompt!r}; #{result.chosen} was chosen"
    content = base64.b64encode(png_bytes(sheet)).decode("ascii")
    return f'<img style="max-width:100%" alt="{escape(text, quote=True)}" src="data:image/png;base64,{content}">'
