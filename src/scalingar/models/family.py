"""Model families: one object per family in ``FAMILIES``, defined in the family's folder."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.packages import require
from scalingar.core.registry import Registry
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.model_folder import FolderFormat, PackageInfo
from scalingar.models.options import Choice, Option
from scalingar.models.prompts.encoders import PromptEncoder
from scalingar.models.shape import Shape
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.weight_files import file_hashes

Part = Literal["transformer", "tokenizer"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published model.

    ``file``, ``tokenizer_file``: None means the whole repository, a trailing slash a folder.
    ``grid`` or ``image_size``: where it cannot be read off the weights.
    """

    repo: str
    file: str | None = None
    tokenizer_repo: str
    tokenizer_file: str | None = None
    grid: tuple[int, int] | None = None
    image_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """A model's files or folders on this machine; both paths are the same where one holds both parts.

    ``name``: as the caller gave it. ``info``: the content of ``pipeline.json``, if there is one.
    """

    name: str | Path
    transformer: Path
    tokenizer: Path | None = None
    release: Release | None = None
    info: PackageInfo | None = None

    @property
    def pair(self) -> tuple[Path, Path]:
        """Paths of transformer and tokenizer. Raises WeightsError without a tokenizer."""
        if self.tokenizer is None:
            raise WeightsError(f"{self.transformer} holds a transformer only; give its tokenizer's file as tokenizer.")
        return self.transformer, self.tokenizer


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The parts of a pipeline; see :class:`scalingar.pipeline.pipeline.ImagePipeline`.

    ``model`` and ``tokenizer`` are those of :mod:`scalingar.decoding.contracts` for the family's way of decoding.
    ``hashes``: SHA-256 of the weight files. ``reward``, ``verifier``: named in the model's own folder. ``hub_name``: of
    a model from the hub, with the commit it was read from.
    """

    name: str
    family: "Family"
    model: Any
    tokenizer: Any
    encode_prompts: PromptEncoder
    guidance_scale: float
    sampling: SamplingConfig
    hashes: Mapping[str, str]
    reward: str | None = None
    verifier: str | None = None
    hub_name: str | None = None


@dataclass(frozen=True)
class Network:
    """The parts built from published files; ``defaults``: the authors' guidance scale and sampling."""

    model: Any
    tokenizer: Any
    encode_prompts: PromptEncoder
    defaults: Defaults


def _both(source: Source) -> Sequence[Path]:
    return [path for path in (source.transformer, source.tokenizer) if path is not None]


def _no_parts(contents: Contents) -> Set[Part]:
    return frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """How to load, convert and list models of one architecture.

    Attributes:
        title: name for display.
        decodes: by code or by scale.
        default_strategy: used when the user names none.
        options: accepted loading options; others are refused.
        build: builds the network from published files. Raises WeightsError, ConfigError.
        model_type: in the ``config.json`` of folders written by transformers; else empty.
        pipeline_class: in the ``model_index.json`` of folders written by diffusers; else empty.
        weights: the files and folders whose weights decide an image, for their hashes.
        parts: which parts of a model a weight file or folder holds.
        official: a part's tensors under their published names; None: not converted.
        folder: the format of model folders of this package; None: not supported.
        instead: by the name or the ``model_type`` of a published model in a form that is not read, the name of one that
            is.
        no_conversion: why models of this family cannot be converted; empty if they can.
        releases: by repository on the hub, then by variant.
        extra: of this package, whose packages every model of the family needs; empty: none.
        shape: sizes of a release, known without its weights; None: they are not.
        tokenizer_file: name of the image tokenizer's file beside a transformer of transformers; empty: it is inside.
    """

    name: str
    title: str
    decodes: Decoding
    default_strategy: str
    options: tuple[Option, ...]
    build: Callable[[Source, Choice], Network]
    model_type: str = ""
    pipeline_class: str = ""
    weights: Callable[[Source], Sequence[Path]] = _both
    parts: Callable[[Contents], Set[Part]] = _no_parts
    official: Callable[[Contents, Part], Mapping[str, Tensor]] | None = None
    folder: FolderFormat | None = None
    no_conversion: str = ""
    releases: Mapping[str, Mapping[str, Release]] = field(default_factory=dict)
    shape: Callable[[Release], Shape] | None = None
    tokenizer_file: str = ""
    instead: Mapping[str, str] = field(default_factory=dict)
    extra: str = ""

    def require(self) -> None:
        """Raises PackageError if a package that it needs is not installed."""
        if self.extra:
            require(self.title, self.extra)

    def load(self, source: Source, choice: Choice) -> Loaded:
        """Load the model in ``source`` with the options of ``choice``.

        Raises:
            WeightsError: something is missing, damaged, or its parts do not belong together.
            ConfigError: an option this family or this model does not accept.
        """
        if source.info is not None:
            return self._load_folder(source.transformer.parent, source.info, choice)
        choice.check(self.options, f"{source.name} ({self.name})")
        network = self.build(source, choice)
        return Loaded(
            name=str(source.name),
            family=self,
            model=network.model,
            tokenizer=network.tokenizer,
            encode_prompts=network.encode_prompts,
            guidance_scale=network.defaults.guidance_scale,
            sampling=network.defaults.sampling,
            hashes=file_hashes(*self.weights(source)),
        )

    def _load_folder(self, folder: Path, info: PackageInfo, choice: Choice) -> Loaded:
        folder_format = self._format(folder)
        choice.check(folder_format.options, f"{folder} ({self.name}, with its own description)")
        model, tokenizer = folder_format.read(folder, info, choice)
        return Loaded(
            name=info.name,
            family=self,
            model=model,
            tokenizer=tokenizer,
            encode_prompts=folder_format.prompts(folder, info, model, choice),
            guidance_scale=info.guidance_scale,
            sampling=info.sampling,
            hashes=folder_format.hashes(folder),
            reward=info.reward,
            verifier=info.verifier,
        )

    def sizes(self, folder: Path) -> Shape:
        """Of the transformer in a model folder, whose weights are not read. Raises WeightsError."""
        return self._format(folder).sizes(folder)

    def save(
        self,
        folder: Path,
        info: PackageInfo,
        model: Any,
        tokenizer: Any,
        dtype: torch.dtype,
        *,
        tokenizer_dtype: torch.dtype | None = None,
    ) -> None:
        """Write a model folder, weights in ``dtype``.

        Raises:
            WeightsError: ``info`` does not describe this model, or the tokenizer does not belong to it.
            OutputError: the folder cannot be written.
        """
        if info.family != self.name:
            raise WeightsError(f"the description of {folder} says family {info.family!r}, expected {self.name!r}.")
        self._format(folder).write(folder, info, model, tokenizer, dtype, tokenizer_dtype or dtype)

    def _format(self, folder: Path) -> FolderFormat:
        if self.folder is None:
            raise WeightsError(f"{folder}: {self.title} has no model-folder format; load the published files instead.")
        return self.folder


FAMILIES: Registry[Family] = Registry(
    "families",
    modules=(
        "scalingar.models.glm_image.family",
        "scalingar.models.hf.emu3_family",
        "scalingar.models.hf.janus_family",
        "scalingar.models.infinity.family",
        "scalingar.models.llamagen.family",
        "scalingar.models.simplear.family",
        "scalingar.models.var.family",
    ),
)
"""Model families by name. Other packages add theirs through the entry-point group ``scalingar.families``."""


def model_options() -> dict[str, Option]:
    """The options of all families by name. Raises ConfigError if two families define one differently."""
    options: dict[str, Option] = {}
    for name in FAMILIES:
        for option in FAMILIES[name].options:
            if options.setdefault(option.name, option) != option:
                raise ConfigError(f"the family {name!r} redefines the option {option.name}; rename it.")
    return options


def default_strategy(family: Family | None, decoding: Decoding = "next-token") -> str:
    """The family's default strategy; without a family, that of a family with the same decoding."""
    similar = (FAMILIES[name] for name in FAMILIES if FAMILIES[name].decodes == decoding)
    return (family or next(similar)).default_strategy
