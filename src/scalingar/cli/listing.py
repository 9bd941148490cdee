"""``scalingar ls``: what there is to choose from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from scalingar.core.registry import Registry
    from scalingar.pipeline.recipes.shipped import Shelf

TOPICS = ("models", "strategies", "rewards", "features", "rewriters", "recipes", "suites", "words")


def ls(
    topic: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(TOPICS[:-1])}, or words of the embedded model."),
    ] = None,
) -> None:
    """List models, strategies, rewards, features, rewriters, recipes and suites, or the embedded model's words."""
    from scalingar.cli.terminal import console as made  # noqa: PLC0415

    if topic is not None and topic not in TOPICS:
        from scalingar.core.registry import suggestion  # noqa: PLC0415

        raise typer.BadParameter(f"there is no list {topic!r}{suggestion(topic, list(TOPICS))}")
    tables = {
        "models": _models,
        "strategies": _strategies,
        "rewards": _rewards,
        "features": _features,
        "rewriters": _rewriters,
        "recipes": _recipes,
        "suites": _suites,
        "words": _words,
    }
    topics = TOPICS[:-1] if topic is None else (topic,)
    console = made()
    for i, name in enumerate(topics):
        if i:
            console.print()
        console.print(tables[name]())


def _table(title: str, names: str = "bold") -> "Table":
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(style=names, no_wrap=True)
    table.add_column()
    return table


def _models() -> "Table":
    from scalingar.models.embedded.installed_weights import EMBEDDED, embedded_folder  # noqa: PLC0415
    from scalingar.models.family import FAMILIES  # noqa: PLC0415
    from scalingar.models.model_folder import PIPELINE, read_info  # noqa: PLC0415

    table = _table("models, for --model; indented ones are published weights, fetched from the hub")
    for name, kind in EMBEDDED.items():
        folder = embedded_folder(kind)
        installed = (folder / PIPELINE).is_file()
        told = read_info(folder).description or name if installed else "not part of this installation"
        table.add_row(name, _sentence(told))
    table.add_row("FILE or FOLDER", "Weights of one of the families below, also as written by scalingar convert")
    for family in (FAMILIES[name] for name in FAMILIES):
        options = ", ".join(option.name for option in family.options) or "none"
        table.add_row(family.name, f"{family.title}, {family.decodes}; options: {options}")
        for repo, variants in family.releases.items():
            for name in [repo] if len(variants) == 1 else [f"{repo}:{variant}" for variant in variants]:
                table.add_row(f"  {name}")
    return table


def _strategies() -> "Table":
    from scalingar.strategies import STRATEGIES  # noqa: PLC0415

    return registry_table("strategies, for --strategy", STRATEGIES)


def _rewards() -> "Table":
    from scalingar.rewards import REWARDS  # noqa: PLC0415

    return registry_table("rewards, for --reward", REWARDS)


def _features() -> "Table":
    from scalingar.rewards.features import FEATURES  # noqa: PLC0415

    return registry_table("features of images, for strategy.feature", FEATURES)


def _rewriters() -> "Table":
    from scalingar.models.prompts.rewriters import REWRITERS  # noqa: PLC0415

    return registry_table("rewriters of prompts, for strategy.rewrite", REWRITERS)


def _recipes() -> "Table":
    from scalingar.pipeline.recipes.shipped import RECIPES  # noqa: PLC0415

    return _shelf_table("recipes, for --config", RECIPES)


def _suites() -> "Table":
    from scalingar.pipeline.recipes.shipped import SUITES  # noqa: PLC0415

    return _shelf_table("suites, for --suite", SUITES)


def _shelf_table(title: str, shelf: "Shelf") -> "Table":
    table = _table(title)
    for name in shelf:
        table.add_row(name, shelf.sentence(name))
    return table


def _words() -> "Table":
    from scalingar.models.embedded.vocabulary import COLORS, NUMBERS, OBJECT_CLASSES, RELATIONS  # noqa: PLC0415

    table = _table("words the embedded model understands")
    for name, words in (
        ("objects", OBJECT_CLASSES),
        ("colours", COLORS),
        ("numbers", NUMBERS),
        ("places", RELATIONS),
        ("joining", ("and",)),
    ):
        table.add_row(name, ", ".join(words))
    return table


def registry_table(title: str, registry: "Registry[Any]") -> "Table":
    """Names of a registry, each with the first line of its docstring."""
    table = _table(title)
    for name in registry:
        table.add_row(name, _sentence((registry[name].__doc__ or "").strip().split("\n")[0]))
    return table


def _sentence(text: str) -> str:
    """As all lists say it: without marks of code, without what may be raised, without the last stop."""
    return text.replace("``", "").replace("`", "").partition(" Raises ")[0].rstrip(".")
