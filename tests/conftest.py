"""Fixtures every test may ask for; :mod:`tests.tiny.llamagen` has the same as functions with options."""

import hypothesis
import pytest

from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQTokenizer
from scalingar.models.weights import hub
from tests.tiny import llamagen as tiny

hypothesis.settings.register_profile("same every time", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same every time")


@pytest.fixture(autouse=True)
def _hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks the hub whether it answers."""
    monkeypatch.setattr(hub, "answers", lambda: True)


@pytest.fixture
def tiny_llamagen() -> LlamaGen:
    """Two layers, words as condition, 4 x 4 codes of 16."""
    return tiny.tiny_llamagen()


@pytest.fixture
def tiny_vq() -> VQTokenizer:
    """16 x 16 pixels, 4 x 4 codes of 16."""
    return tiny.tiny_vq()


@pytest.fixture
def tiny_decoder(tiny_llamagen: LlamaGen) -> NextTokenDecoder:
    """Plain sampling from the tiny transformer."""
    return tiny.tiny_decoder(tiny_llamagen)
