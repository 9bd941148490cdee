"""Reading YAML files."""

from pathlib import Path
from typing import Any

import yaml

from scalingar.core.errors import ConfigError


def read_yaml(path: str | Path, kind: str) -> Any:
    """The content of a YAML file; ``kind`` names what it should hold. Raises ConfigError if it cannot be read."""
    try:
        return yaml.safe_load(Path(path).expanduser().read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the {kind} {path}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())}.") from None
