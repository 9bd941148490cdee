"""The device, exact fp32 on it, and no shape checks, which neither a compiler nor a captured graph can read.

Where there is no GPU one is imitated, so that all but kernels, graphs and their memory is tested everywhere.
"""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch

from tests.shapes import unchecked
from tests.tiny.imitated_device import NAME, imitated


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", help="of tests/device: cuda, cpu or imitated; if not given, cuda where there is one")


@pytest.fixture(scope="module")
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """``cuda``, or ``imitated`` where there is no GPU, or what ``--device`` says."""
    name = request.config.getoption("--device", None) or ("cuda" if torch.cuda.is_available() else NAME)
    if name.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    with imitated() if name.startswith(NAME) else nullcontext():
        yield name


@pytest.fixture
def gpu(device: str) -> str:
    """The device, for what only a GPU can show."""
    if not device.startswith("cuda"):
        pytest.skip("only a GPU can show this")
    return device


@pytest.fixture(autouse=True, scope="module")
def plain_functions() -> Iterator[None]:
    with unchecked():
        yield


@pytest.fixture(autouse=True, scope="module")
def exact_fp32() -> Iterator[None]:
    """Products in fp32, not in tf32, which convolutions use by default."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
