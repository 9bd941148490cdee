from pathlib import Path

import pytest

from tests.tiny.package import save_tiny_package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_package(tmp_path_factory.mktemp("package"))
