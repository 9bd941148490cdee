"""A compiled LlamaGen draws what it draws without."""

from typing import Any

import pytest
import torch

from tests.device.families import FAMILIES, PROMPTS, rows
from tests.device.races import STREAMS, check_codes

pytestmark = pytest.mark.device


def test_compiled_codes(gpu: str) -> None:
    """The captured form of one number of rows; compiling more would take minutes."""
    pipe = FAMILIES["llamagen-text"](gpu, torch.float32)
    settings: dict[str, Any] = {"strategy": "random-of-n", "num_trajectories": 4, "seed": 3, "noise": "host"}
    plain = pipe(PROMPTS[0], **settings)
    pipe.model.compile()  # type: ignore[union-attr]
    compiled = pipe(PROMPTS[0], **settings)
    cpu = FAMILIES["llamagen-text"]("cpu", torch.float32)
    check_codes(cpu, PROMPTS[:1], [3], rows(plain), rows(compiled), STREAMS["host"])
