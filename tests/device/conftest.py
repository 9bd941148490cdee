"""The device, exact fp32 on it, and no shape checks, which neither a compiler nor a captured graph can read."""

from collections.abc import Iterator

import pytest
import torch

from tests.shapes import unchecked


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", default="cuda", help="of tests/device; cpu runs those that make sense there")


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    """``cuda``, or what ``--device`` says; skips where there is no GPU."""
    name: str = request.config.getoption("--device", "cuda")
    if name.startswith("cuda") and not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    return name


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
