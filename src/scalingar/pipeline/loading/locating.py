"""Which family a name, file or folder belongs to, and which files on this machine it means."""

from os.path import exists, isfile
from pathlib import Path

from scalingar.core.errors import ConfigError, ScalingarError, WeightsError
from scalingar.core.files import expanded
from scalingar.core.registry import suggestion
from scalingar.models import options
from scalingar.models.embedded.installed_weights import EMBEDDED, embedded_folder
from scalingar.models.family import FAMILIES, Family, Part, Release, Source
from scalingar.models.model_folder import PIPELINE, TOKENIZER, TRANSFORMER, read_info
from scalingar.models.options import Choice
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.hub import commit_of, fetch, split_name, split_revision
from scalingar.models.weights.json_file import read_object
from scalingar.models.weights.listed import listed_keys
from scalingar.models.weights.weight_files import weight_file_names


def locate(choice: Choice) -> tuple[Family, Source]:
    """The family and the files of a model, fetched if need be.

    Raises:
        WeightsError: missing, or not recognised by any family.
        ConfigError: there is no such variant.
    """
    name, variant = choice.name, choice.get(options.VARIANT)
    tokenizer = choice.get(options.TOKENIZER)
    own_tokenizer = None if tokenizer is None else expanded(tokenizer)
    if (own := own_folder(name)) is not None:
        return own
    path = expanded(name)
    if exists(path):  # unlike Path.exists, False for a path too long to be one
        return _local(name, path, variant, own_tokenizer)
    parts = split_name(str(name))
    if parts is None:
        raise WeightsError(
            f"no model {listed_keys([str(name)])}: it is neither 'embedded' nor a file or folder that exists, nor a "
            "name on the hub such as FoundationVision/LlamaGen."
        )
    repo, variant = parts[0], variant or parts[1]
    _check_read(repo, repo)
    family, revision = _publisher(repo), split_revision(str(name))[1]
    if family is None:
        folder = fetch(_at(repo, revision))
        return own_folder(folder) or _local(folder, folder, variant, own_tokenizer)
    family.require()  # before gigabytes are fetched
    return family, _fetched(name, variant_of(family, repo, variant), own_tokenizer, revision)


def pinned_name(choice: Choice, source: Source) -> str | None:
    """The name on the hub with the commit that the files come from; None for a model from elsewhere."""
    commit = commit_of(source.transformer)
    if commit is None or choice.name in EMBEDDED or exists(expanded(choice.name)):
        return None
    return _at(split_revision(str(choice.name))[0], commit)


def _at(name: str, revision: str | None) -> str:
    return name if revision is None else f"{name}@{revision}"


def family_of(model: str) -> Family | None:
    """The family of a name, file or folder as in :func:`locate`, without loading or fetching.

    None if it is unknown or missing; loading reports the error.
    """
    try:
        if (own := own_folder(model)) is not None:
            return own[0]
        path = expanded(model)
        if exists(path):
            return _local(model, path, None, None)[0]
    except (ScalingarError, OSError):
        return None
    parts = split_name(model)
    return None if parts is None else _publisher(parts[0])


def parts_in(path: Path) -> dict[Part, Family]:
    """The parts in a weight file or folder, with their families. Raises WeightsError."""
    contents = Contents(path)
    families: dict[Part, Family] = {}
    for family in (FAMILIES[name] for name in FAMILIES):
        for part in family.parts(contents):
            if part in families:
                names = f"{families[part].name} and {family.name}"
                raise WeightsError(f"{path} holds a {part} that both {names} recognise.")
            families[part] = family
    return families


def own_folder(name: str | Path) -> tuple[Family, Source] | None:
    """Of an embedded model's name, or a folder as this package writes them; None for others.

    Raises:
        WeightsError: it is missing from this installation, or its description is damaged.
    """
    if name in EMBEDDED:
        return _embedded(str(name))
    path = expanded(name)
    return _own_folder(name, path) if isfile(path / PIPELINE) else None


def _embedded(name: str) -> tuple[Family, Source]:
    folder = embedded_folder(EMBEDDED[name])
    if not folder.is_dir():
        raise WeightsError(f"the model {name!r} is missing from this installation ({folder}).")
    return _own_folder(name, folder)


def _local(name: str | Path, path: Path, variant: str | None, tokenizer: Path | None) -> tuple[Family, Source]:
    if family := _of_transformers(path) or _of_diffusers(path):
        beside = path / family.tokenizer_file
        found = beside if family.tokenizer_file and beside.is_file() else None
        return family, Source(name=name, transformer=path, tokenizer=tokenizer or found)
    _check_read(str(name), read_object(path / "config.json").get("model_type"))
    if variant is not None:
        return _official_files(name, path, variant, tokenizer)
    return _weight_files(name, path, tokenizer)


def _own_folder(name: str | Path, folder: Path) -> tuple[Family, Source]:
    info = read_info(folder)
    if info.family not in FAMILIES:
        known = suggestion(info.family, list(FAMILIES))
        raise WeightsError(f"{folder / PIPELINE} says family {listed_keys([info.family])}{known}")
    source = Source(name=name, transformer=folder / TRANSFORMER, tokenizer=folder / TOKENIZER, info=info)
    return FAMILIES[info.family], source


def _of_transformers(folder: Path) -> Family | None:
    """The family of a folder written by transformers, by its ``config.json``."""
    model_type = read_object(folder / "config.json").get("model_type")
    families = (FAMILIES[name] for name in FAMILIES)
    return next((family for family in families if model_type and family.model_type == model_type), None)


def _check_read(model: str, known_as: object) -> None:
    """Raises WeightsError for a model, known by its name or type, that is published in another form too."""
    for family in (FAMILIES[name] for name in FAMILIES):
        if isinstance(known_as, str) and known_as in family.instead:
            raise WeightsError(
                f"{model} is {family.title} in its authors' own format, which is not read; take "
                f"{family.instead[known_as]}, which transformers wrote."
            )


def _of_diffusers(folder: Path) -> Family | None:
    """The family of a folder written by diffusers, by its ``model_index.json``."""
    kind = read_object(folder / "model_index.json").get("_class_name")
    families = (FAMILIES[name] for name in FAMILIES)
    return next((family for family in families if kind and family.pipeline_class == kind), None)


def _weight_files(name: str | Path, path: Path, tokenizer: Path | None) -> tuple[Family, Source]:
    """A weight file, or a folder with one transformer and possibly a tokenizer."""
    by_part: dict[Part, dict[Path, Family]] = {"transformer": {}, "tokenizer": {}}
    refused: list[WeightsError] = []
    for file in weight_file_names(path):
        try:
            for part, family in parts_in(file).items():
                by_part[part][file] = family
        except WeightsError as error:
            refused.append(error)
    for part, files in by_part.items():
        if len(files) > 1:
            names = listed_keys(file.name for file in files)
            raise WeightsError(f"{path} holds several {part}s ({names}); give the path of one of them, or a variant.")
    if refused and not (by_part["transformer"] and (by_part["tokenizer"] or tokenizer)):
        raise refused[0]
    if not by_part["transformer"]:
        raise WeightsError(
            f"{path} holds no transformer of a known family ({', '.join(FAMILIES)}); give its file, and the "
            "tokenizer's as tokenizer."
        )
    transformer, family = next(iter(by_part["transformer"].items()))
    beside = next(iter(by_part["tokenizer"]), None)
    return family, Source(name=name, transformer=transformer, tokenizer=tokenizer or beside)


def _publisher(repo: str) -> Family | None:
    return next((FAMILIES[name] for name in FAMILIES if repo in FAMILIES[name].releases), None)


def variant_of(family: Family, repo: str, variant: str | None) -> Release:
    """The release. Raises ConfigError for a missing or unknown variant."""
    variants = family.releases[repo]
    if variant is None and len(variants) == 1:
        return next(iter(variants.values()))
    if variant is None:
        raise ConfigError(f"{repo} holds several models; give variant, one of {', '.join(variants)}.")
    if variant not in variants:
        raise ConfigError(f"{repo} has no variant {variant!r}{suggestion(variant, list(variants))}")
    return variants[variant]


def _fetched(name: str | Path, release: Release, tokenizer: Path | None, revision: str | None) -> Source:
    """``revision``: of the transformer's repository."""
    transformer = fetch(_at(release.repo, revision), release.file)
    if tokenizer is None and (release.tokenizer_repo, release.tokenizer_file) != (release.repo, release.file):
        of_tokenizer = revision if release.tokenizer_repo == release.repo else None
        tokenizer = fetch(_at(release.tokenizer_repo, of_tokenizer), release.tokenizer_file)
    return Source(name=name, transformer=transformer, tokenizer=tokenizer or transformer, release=release)


def _official_files(name: str | Path, folder: Path, variant: str, tokenizer: Path | None) -> tuple[Family, Source]:
    """A variant in a folder of several models under their official names."""
    for family in (FAMILIES[name] for name in FAMILIES):
        for release in (variants[variant] for variants in family.releases.values() if variant in variants):
            if release.file is not None and (folder / release.file).exists():
                beside = folder / str(release.tokenizer_file)
                return family, Source(name=name, transformer=folder / release.file, tokenizer=tokenizer or beside)
    raise ConfigError(f"{folder} has no variant {variant!r}; name the file instead.")
