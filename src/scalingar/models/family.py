"""Model families: what this package knows of each is one object under ``FAMILIES``, in the family's own folder."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.registry import Registry
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.model_folder import FolderFormat, PackageInfo
from scalingar.models.options import Choice, Option
from scalingar.models.prompts.encoders import PromptEncoder
from scalingar.models.weights.checkpoint import Contents, file_hashes

Part = Literal["transformer", "tokenizer"]


@dataclass(frozen=True, kw_only=True)
class Release:
    """One published model. Where ``file`` or ``tokenizer_file`` is None, the whole repository is meant.

    A ``file`` that ends in a slash is a folder. ``grid`` or ``image_size``: where the weights do not say it.
    """

    repo: str
    file: str | None = None
    tokenizer_repo: str
    tokenizer_file: str | None = None
    grid: tuple[int, int] | None = None
    image_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a model lies on this machine: files or folders, the same one twice where it holds both parts.

    ``name``: what the caller called it. ``info``: what its ``pipeline.json`` says, if it has one.
    """

    name: str | Path
    transformer: Path
    tokenizer: Path | None = None
    release: Release | None = None
    info: PackageInfo | None = None

    @property
    def pair(self) -> tuple[Path, Path]:
        """Transformer and tokenizer. Raises WeightsError where there is no tokenizer."""
        if self.tokenizer is None:
            raise WeightsError(f"{self.transformer} holds a transformer only; give its tokenizer's file as tokenizer.")
        return self.transformer, self.tokenizer


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The parts of a pipeline; see :class:`scalingar.pipeline.pipeline.ImagePipeline`.

    ``model`` and ``tokenizer`` are those of :mod:`scalingar.decoding.contracts` for the family's way of decoding.
    ``hashes``: SHA-256 of the weight files. ``reward``: the one the model's own folder names.
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


@dataclass(frozen=True)
class Network:
    """What a family makes of published files; ``defaults``: its authors' guidance scale and sampling."""

    model: Any
    tokenizer: Any
    encode_prompts: PromptEncoder
    defaults: Defaults


def _no_parts(contents: Contents) -> Set[Part]:
    return frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """One kind of network, with all that loading, converting and listing need to know of it.

    Attributes:
        title: what people call it.
        decodes: one code per step, or one scale.
        default_strategy: the method for a user who names none.
        options: what a caller may say besides the name; any other option is refused.
        build: the network of published files. Raises WeightsError, ConfigError.
        model_type: of ``config.json``, where a folder written by transformers holds the model; else empty.
        parts: which parts of such a model a weight file or folder holds.
        official: all tensors of a part under the names they are published with. None: such files are not converted.
        folder: how a model of this family is saved as a folder of this package's own; None if it is not.
        no_conversion: where nothing can be converted, the sentence that says why.
        releases: by repository on the hub, then by variant.
    """

    name: str
    title: str
    decodes: Decoding
    default_strategy: str
    options: tuple[Option, ...]
    build: Callable[[Source, Choice], Network]
    model_type: str = ""
    parts: Callable[[Contents], Set[Part]] = _no_parts
    official: Callable[[Contents, Part], Mapping[str, Tensor]] | None = None
    folder: FolderFormat | None = None
    no_conversion: str = ""
    releases: Mapping[str, Mapping[str, Release]] = field(default_factory=dict)

    def load(self, source: Source, choice: Choice) -> Loaded:
        """The model in ``source``, as it was chosen.

        Raises:
            WeightsError: something is missing, damaged, or its parts do not belong together.
            ConfigError: an option this family does not take, or one that does not fit the model.
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
            hashes=file_hashes(*(place for place in (source.transformer, source.tokenizer) if place is not None)),
        )

    def _load_folder(self, folder: Path, info: PackageInfo, choice: Choice) -> Loaded:
        own = self._format(folder)
        choice.check(own.options, f"{folder} ({self.name}, with its own description)")
        model, tokenizer = own.read(folder, info, choice)
        return Loaded(
            name=info.name,
            family=self,
            model=model,
            tokenizer=tokenizer,
            encode_prompts=own.prompts(folder, info, model, choice),
            guidance_scale=info.guidance_scale,
            sampling=info.sampling,
            hashes=own.hashes(folder),
            reward=info.reward,
        )

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
        """Write a model folder of this package's own, weights in ``dtype``.

        Raises:
            WeightsError: ``info`` does not describe this model, or the tokenizer is another's.
            OutputError: the folder cannot be written.
        """
        if info.family != self.name:
            raise WeightsError(f"the description of {folder} says family {info.family!r}, expected {self.name!r}.")
        self._format(folder).write(folder, info, model, tokenizer, dtype, tokenizer_dtype or dtype)

    def _format(self, folder: Path) -> FolderFormat:
        if self.folder is None:
            raise WeightsError(f"{folder}: models of {self.title} are not kept in folders with a description.")
        return self.folder


FAMILIES: Registry[Family] = Registry(
    "families",
    modules=(
        "scalingar.models.hf.emu3_family",
        "scalingar.models.hf.janus_family",
        "scalingar.models.infinity.family",
        "scalingar.models.llamagen.family",
        "scalingar.models.var.family",
    ),
)
"""Model families by name. One of another package's is in the entry-point group ``scalingar.families``."""


def model_options() -> dict[str, Option]:
    """Every option of any family by name. Raises ConfigError where two families mean different things by one."""
    found: dict[str, Option] = {}
    for name in FAMILIES:
        for option in FAMILIES[name].options:
            if found.setdefault(option.name, option) != option:
                raise ConfigError(f"the family {name!r} means something else by {option.name}; rename the option.")
    return found


def default_strategy(family: Family | None, decoding: Decoding = "next-token") -> str:
    """The method for a user who names none; of a network of no family, that of the families which decode like it."""
    kin = (FAMILIES[name] for name in FAMILIES if FAMILIES[name].decodes == decoding)
    return (family or next(kin)).default_strategy
