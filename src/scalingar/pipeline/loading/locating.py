"""Which files on this machine a name, file or folder means."""

from dataclasses import replace
from pathlib import Path

from scalingar.core.errors import ConfigError, WeightsError
from scalingar.models.weights.hub import RELEASES, Release, fetch, release, split_name
from scalingar.models.weights.parts import Parts, find_parts
from scalingar.pipeline.loading.options import Options


def locate(model: str | Path, options: Options) -> tuple[Parts, Options]:
    """The files of a model by path or hub name, fetched if need be; and the options with its size filled in.

    Raises:
        WeightsError: nothing there, or nothing that can be told apart.
        ConfigError: there is no such variant.
    """
    path = Path(model).expanduser()
    if path.exists():
        return (find_parts(path) if options.variant is None else _official_files(path, options.variant)), options
    name = split_name(str(model))
    if name is None:
        raise WeightsError(
            f"no model {str(model)!r}: it is neither 'embedded' nor a file or folder that exists, nor a name on the "
            "hub such as FoundationVision/LlamaGen."
        )
    repo, variant = name
    known = release(repo, options.variant or variant)
    return (find_parts(fetch(repo)), options) if known is None else _fetched(known, options)


def _fetched(known: Release, options: Options) -> tuple[Parts, Options]:
    transformer = fetch(known.repo, known.file)
    tokenizer = transformer
    if options.tokenizer is None and (known.tokenizer_repo, known.tokenizer_file) != (known.repo, known.file):
        tokenizer = fetch(known.tokenizer_repo, known.tokenizer_file)
    if options.grid is None and options.image_size is None:
        options = replace(options, grid=known.grid, image_size=known.image_size)
    return Parts(transformer, tokenizer, known.model_family), options


def _official_files(folder: Path, variant: str) -> Parts:
    """Of a folder that holds several models under their official names."""
    known = {name: entry for variants in RELEASES.values() for name, entry in variants.items() if entry.file}
    entry = known.get(variant)
    if entry is None or not (folder / str(entry.file)).exists():
        raise ConfigError(f"{folder} has no variant {variant!r}; name the file instead.")
    return Parts(folder / str(entry.file), folder / str(entry.tokenizer_file), entry.model_family)
