"""What commands share that draw images of a list of prompts to learn from them: a model with its reward, and a bar."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scalingar.pipeline.pipeline import ImagePipeline


def loaded(model: Mapping[str, Any], reward: str | None) -> "tuple[ImagePipeline, str]":
    """The model of these settings, and the reward's name: the one given, or the model's own.

    Raises ConfigError: it has none. WeightsError.
    """
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.pipeline.model_choice import ModelChoice  # noqa: PLC0415
    from scalingar.pipeline.pipeline import ImagePipeline  # noqa: PLC0415

    pipe = ImagePipeline.load(ModelChoice.from_dict(model))
    label = reward or pipe.own_reward
    if label is None:
        raise ConfigError(f"{pipe.name} has no reward of its own; name one with --reward, see 'scalingar ls rewards'.")
    return pipe, label


def bar(items: Sequence[Any], told: str) -> Iterable[Any]:
    """A progress bar on the standard error, where that is a terminal."""
    from rich.progress import track  # noqa: PLC0415

    from scalingar.cli.terminal import console  # noqa: PLC0415

    screen = console(stderr=True)
    return track(items, told, console=screen, transient=True, disable=not screen.is_terminal)
