"""What a notebook shows is whole in itself, and no prompt can write HTML into it."""

import base64
import io
import re

from PIL import Image

from scalingar.core.outputs import Ledger
from scalingar.report.contact_sheet import contact_sheet, tiles_of
from scalingar.report.notebook import MOST_SHEETS, output_html
from tests.tiny.package import result

RED = Image.new("RGB", (16, 16), (255, 0, 0))


def test_sheets_and_costs() -> None:
    html = output_html([result()], Ledger(tokens=41, decodes=2), 64, lambda one: one.image or RED)
    (content,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    shown = Image.open(io.BytesIO(base64.b64decode(content)))
    assert shown.tobytes() == contact_sheet(tiles_of(result(), lambda one: one.image or RED), "a dog").tobytes()
    assert "<th>tokens drawn</th><td>41 of 64 (64%)</td>" in html
    assert "http" not in html


def test_a_prompt_writes_no_html() -> None:
    html = output_html([result('"><script>alert(1)</script>')], Ledger(), 64, lambda _: RED)
    assert "<script" not in html


def test_many_images_are_counted() -> None:
    html = output_html([result()] * (MOST_SHEETS + 3), Ledger(), 64, lambda _: RED)
    assert html.count("<img") == MOST_SHEETS
    assert "<p>and 3 more images</p>" in html
