"""Packages that a command needs beyond those that scalingar brings along."""

from collections.abc import Sequence
from importlib.util import find_spec


def check_packages(what: str, packages: Sequence[str], extra: str) -> None:
    """Raises ConfigError that names what is missing, and the extra that brings it."""
    from scalingar.core.errors import ConfigError  # noqa: PLC0415

    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"{what} needs {', '.join(missing)}, which is not installed; pip install 'scalingar[{extra}]'."
        )
