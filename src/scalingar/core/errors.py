"""Errors a user can act on: each message says what is wrong, where, the value, and what to do."""


class ScalingarError(Exception):
    """Base of this package's errors; the command line prints the message and exits with 1."""


class ConfigError(ScalingarError):
    """A setting, name or combination that does not exist or is out of range."""


class SettingsError(ConfigError, ValueError):
    """Settings that were built wrong. A ValueError too, so that pydantic takes it from a validator that builds some."""


class PromptError(ScalingarError):
    """A prompt that cannot be used."""


class WeightsError(ScalingarError):
    """A weight file that cannot be read or does not fit."""


class OutputError(ScalingarError):
    """A file or folder that cannot be written, or a picture that holds no recipe."""


class DecodingError(ScalingarError):
    """Decoding broke down, such as when every trajectory's logits are not numbers."""


class BenchmarkError(ScalingarError):
    """Images, prompts or judgements of a benchmark that are missing or do not belong together."""


class EndpointError(ScalingarError):
    """A model behind an endpoint that cannot be asked."""


class PackageError(ConfigError):
    """A package that what was asked for needs, and that is not installed."""


def sentence(told: object) -> str:
    """What is told, with a full stop unless it ends like a sentence: others' messages do, or do not."""
    text = str(told)
    return text if text.endswith((".", "?")) else f"{text}."
