"""LlamaGen's cleaning of captions for T5, applied in its training and in its samplers.

It is made for captions from the web, and also removes words such as "a100b" and punctuation in text to be drawn.
"""

import html
import re
import warnings
from collections.abc import Callable
from functools import cache
from urllib.parse import unquote_plus

from scalingar.core.packages import how_to_install, missing

_DOMAIN = r"[a-zA-Z0-9.\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\w/-]*\b/?(?!@)"
_FORMATS = "png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4"
_DASHES = (
    "\u002d\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40"
    "\u301c\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d"
)

Steps = tuple[tuple[str, str], ...]

_LINKS: Steps = (
    (rf"\b(?:https?:(?:/{{1,3}}|[a-zA-Z0-9%])|{_DOMAIN})", ""),
    (rf"\b(?:www:(?:/{{1,3}}|[a-zA-Z0-9%])|{_DOMAIN})", ""),
)
"""Applied before markup is removed."""

_CHARACTERS: Steps = (
    (r"@\w+\b", ""),  # names of accounts
    ("[\u31c0-\u31ef\u31f0-\u31ff\u3200-\u33ff\u3400-\u4dbf\u4dc0-\u4dff\u4e00-\u9fff]+", ""),
    (f"[{_DASHES}]+", "-"),
    ("[`´«»“”¨]", '"'),
    ("[‘’]", "'"),
    (r"&quot;?", ""),
    (r"&amp", ""),
    (r"\d{1,3}(?:\.\d{1,3}){3}", " "),  # addresses of machines
    (r"\d:\d\d\s+$", ""),
    (r"\\n", " "),
    (r"#\d{1,3}\b", ""),
    (r"#\d{5,}\b", ""),
    (r"\b\d{6,}\b", ""),
    (rf"\S+\.(?:{_FORMATS})", ""),
    (r"[\"']{2,}", '"'),
    (r"\.{2,}", " "),
    (r"[#®•©™&@·º½¾¿¡§~)(\]\[}{|\\/*]+", " "),
    (r"\s+\.\s+", " "),
)

_WORDS: Steps = (
    (r"\b[a-zA-Z]{1,3}\d{3,15}\b", ""),  # article numbers of three shapes
    (r"\b[a-zA-Z]+\d+[a-zA-Z]+\b", ""),
    (r"\b\d+[a-zA-Z]+\d+\b", ""),
    (r"(?:worldwide\s+)?(?:free\s+)?shipping", ""),
    (r"(?:free\s)?download(?:\sfree)?", ""),
    (r"\bclick\b\s(?:for|on)\s\w+", ""),
    (rf"\b(?:{_FORMATS})(?:\simages?)?", ""),
    (r"\bpage\s+\d+\b", ""),
    (r"\b\d*[a-zA-Z]+\d+[a-zA-Z]+\d+[a-zA-Z\d]*\b", " "),
    (r"\b\d+\.?\d*[xх×]\d+\.?\d*\b", ""),  # sizes; the second is the Cyrillic letter
    (r"\b\s+:\s+", ": "),
    (r"(\D[,./])\b", r"\1 "),
    (r"\s+", " "),
    (r"^[\"'](.+)[\"']$", r"\1"),
    (r"^['_,\-:;]", ""),
    (r"['_,\-:+]$", ""),
    (r"^\.\S+$", ""),
)
"""Applied after encodings are repaired."""


class CleaningWarning(UserWarning):
    """Captions are not cleaned as they were in training."""


def clean_caption(caption: str) -> str:
    """Clean a caption twice, as LlamaGen's samplers do (``use_text_preprocessing``).

    Without ftfy and beautifulsoup4 (extra ``t5``) it is only lower-cased and stripped, with one warning.
    """
    tools = _tools()
    if tools is None:
        return caption.lower().strip()
    return _cleaned(_cleaned(caption, *tools), *tools)


def _cleaned(text: str, without_markup: Callable[[str], str], repaired: Callable[[str], str]) -> str:
    text = unquote_plus(text).strip().lower().replace("<person>", "person")
    text = _applied(_CHARACTERS, without_markup(_applied(_LINKS, text)))
    if len(re.findall("[-_]", text)) > 3:  # this-is-a-file-name
        text = re.sub("[-_]", " ", text)
    text = html.unescape(html.unescape(repaired(text))).strip()
    return _applied(_WORDS, text).strip()


def _applied(steps: Steps, text: str) -> str:
    for pattern, replacement in steps:
        text = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return text


@cache
def _tools() -> tuple[Callable[[str], str], Callable[[str], str]] | None:
    """Functions that remove markup and repair broken encodings."""
    if absent := [module for module in missing("t5") if module in ("bs4", "ftfy")]:
        are = "is" if len(absent) == 1 else "are"
        warnings.warn(
            f"captions are only lower-cased, because {', '.join(absent)} {are} not installed; "
            f"to clean them as LlamaGen does, {how_to_install('t5')}.",
            CleaningWarning,
            stacklevel=3,
        )
        return None
    from bs4 import BeautifulSoup  # noqa: PLC0415
    from ftfy import fix_text  # noqa: PLC0415

    return lambda text: BeautifulSoup(text, "html.parser").text, fix_text
