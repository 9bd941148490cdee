"""Reading YAML files."""

from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.core.yaml_file import read_yaml


def test_plain_values_come_back(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, x]\n")
    assert read_yaml(tmp_path / "a.yaml", "suite") == {"a": [1, "x"]}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the suite .*none\.yaml: No such file or directory\."):
        read_yaml(tmp_path / "none.yaml", "suite")
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    with pytest.raises(ConfigError, match=r"bad\.yaml is no YAML: "):
        read_yaml(tmp_path / "bad.yaml", "suite")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml is no YAML: "):
        read_yaml(tmp_path / "latin.yaml", "suite")
