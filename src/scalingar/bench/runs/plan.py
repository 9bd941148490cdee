"""The plan of a run: everything that decides the bytes it writes, kept beside them."""

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

import scalingar
from scalingar.bench.benchmark import Benchmark, Item
from scalingar.bench.image_seeds import image_seed
from scalingar.bench.runs.content import content_of
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.files import write_file
from scalingar.core.settings import Record
from scalingar.pipeline.recipe import RecordedRecipe
from scalingar.rewards.verifiers import VERIFIER

PLAN = "plan.json"
_CONTENT = "content."
_SELECTING = ("benchmark", "benchmark_version", "settings", "limit")
"""What decides which prompts a run has, and what is asked about them."""
_WEIGHT_PATHS = ("name", "variant", "tokenizer")
"""Settings of the model that say where weights are found."""


@dataclass(frozen=True)
class Job:
    """One image to draw: image ``number`` of the prompt ``item``, from the noise of ``seed``."""

    item: Item
    number: int
    seed: int


class RunPlan(Record):
    """One strategy on one benchmark. Two runs of the same plan on the same kind of machine write the same bytes."""

    benchmark: str
    benchmark_version: str
    settings: dict[str, Any] = Field(description="of the benchmark: detector, options")
    files: dict[str, str] = Field(
        default_factory=dict, description="settings that say where data lie; another place is no other plan"
    )
    content: dict[str, str] = Field(
        {}, description="SHA-256 of the prompts of this run, with all that is asked about them; a run fills it in"
    )
    provenance: dict[str, str] = Field(description="detections and judges with their versions")
    recipe: RecordedRecipe = Field(
        description="model, strategy, guidance, sampling, seed, noise; nothing left to defaults"
    )
    weights: dict[str, str] = Field(description="SHA-256 of the model's files, and of the verifier's head")
    images_per_prompt: int = Field(ge=1)
    limit: int | None = Field(ge=1, description="prompts per task; None: all")
    max_rows: int = Field(ge=1, description="trajectories alive at once")
    shard: int = Field(ge=1, description="images computed together; the same shards whenever the run is resumed")
    all_candidates: bool = Field(
        description="judge every finished trajectory, not only the chosen one, and keep traces"
    )
    threads: int = Field(ge=1, description="of torch; they can show in last bits")
    device_kind: str | None = Field(
        None, description="name of the accelerator, or instructions of the CPU; None: begun by a version that told none"
    )
    versions: dict[str, str] = Field(description="of the packages that compute")
    derived_from: dict[str, str] | None = Field(
        None, description="name and SHA-256 of the complete run this one was computed from; None: it was decoded"
    )

    @field_validator("derived_from")
    @classmethod
    def _named(cls, origin: dict[str, str] | None) -> dict[str, str] | None:
        if origin is not None and set(origin) != {"run", "samples_sha256"}:
            raise ValueError("must have run and samples_sha256")
        return origin

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Plans that tell no kind of device stay as they were written."""
        told: dict[str, Any] = dump(self)
        if self.device_kind is None:
            told.pop("device_kind", None)
        return told

    @classmethod
    def versions_here(cls) -> dict[str, str]:
        """The versions of this installation."""
        return {
            "scalingar": scalingar.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        }

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The plan of a folder. Raises BenchmarkError: there is none, or this version cannot read it."""
        path = folder / PLAN
        try:
            return cls.model_validate_json(path.read_text("utf-8"))
        except FileNotFoundError:
            raise BenchmarkError(f"{folder} holds no run ({PLAN} is missing); give a folder of 'bench run'.") from None
        except NotADirectoryError:
            raise BenchmarkError(f"{folder} is a file; give a folder of 'bench run'.") from None
        except ConfigError as error:
            raise BenchmarkError(f"{path} cannot be read as the plan of a run: {str(error).rstrip('.')}.") from None
        except (OSError, ValueError) as error:
            first = " ".join(str(error).split())[:200]
            raise BenchmarkError(f"{path} cannot be read as the plan of a run: {first}.") from None

    def write(self, folder: Path) -> None:
        """Write the plan into its folder. Raises OutputError."""
        write_file(folder / PLAN, (self.model_dump_json(indent=1) + "\n").encode())

    def items(self, items: list[Item]) -> list[Item]:
        """The prompts of this run: all, or the first ``limit`` of each task."""
        if self.limit is None:
            return items
        counts: dict[str, int] = {}
        selected = []
        for item in items:
            counts[item.task] = counts.get(item.task, 0) + 1
            if counts[item.task] <= self.limit:
                selected.append(item)
        return selected

    def jobs(self, items: list[Item]) -> list[Job]:
        """All images, prompt by prompt, each with a seed of its own."""
        numbers, seed = range(self.images_per_prompt), self.recipe.seed
        return [Job(item, j, image_seed(seed, item.id, j)) for item in self.items(items) for j in numbers]

    def shards(self, jobs: list[Job]) -> list[list[Job]]:
        """The jobs in groups that are computed together."""
        return [jobs[start : start + self.shard] for start in range(0, len(jobs), self.shard)]

    def told(self) -> dict[str, Any]:
        """All that decides the bytes, by dotted name: content and not where it lies, also of weights with a hash."""
        dumped = self.model_dump(mode="json", exclude={"files"})
        if self.model_weights:
            for name in _WEIGHT_PATHS:
                dumped["recipe"]["model"].pop(name, None)
        if VERIFIER in self.weights:
            dumped["recipe"]["strategy"].pop("verifier", None)
        return dict(_flat(dumped))

    @property
    def model_weights(self) -> dict[str, str]:
        """Those of the model alone, by which runs of different strategies are compared."""
        return {name: value for name, value in self.weights.items() if name != VERIFIER}

    @property
    def digest(self) -> str:
        """SHA-256 of :meth:`told`."""
        return hashlib.sha256(json.dumps(self.told(), sort_keys=True).encode()).hexdigest()

    def check_same(self, other: "RunPlan", folder: Path) -> None:
        """Raises BenchmarkError, naming the differences, unless the plan in ``folder`` is the same."""
        old, new = other.told(), self.told()
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if any(name.partition(".")[0] in _SELECTING for name in names):  # then the prompts are others for that alone
            names = [name for name in names if not name.startswith(_CONTENT)]
        if names:
            differences = "; ".join(self._difference(name, other, old.get(name), new.get(name)) for name in names)
            raise BenchmarkError(f"{folder} holds another run ({differences}); choose another folder.")

    def _difference(self, name: str, other: "RunPlan", old: Any, new: Any) -> str:
        if not name.startswith(_CONTENT):
            return f"{name}: {old!r} there, {new!r} here"
        what, (there, here) = name.removeprefix(_CONTENT), (" and ".join(plan.files.values()) for plan in (other, self))
        if [Path(path).name for path in other.files.values()] != [Path(path).name for path in self.files.values()]:
            return f"the {what} of {there or 'the benchmark'} there, those of {here or 'the benchmark'} here"
        old, new = (f"SHA-256 {str(value)[:12]}" for value in (old, new))
        return f"the {what}{here and f' of {here}'} were edited: {old} there, {new} here"

    def of(self, benchmark: Benchmark) -> Self:
        """This plan with the content of the benchmark's prompts. Raises BenchmarkError: JSON cannot hold them."""
        return self.model_copy(update={"content": content_of(self.items(list(benchmark.items())), benchmark)})

    def check_content(self, benchmark: Benchmark, folder: Path) -> None:
        """Raises BenchmarkError unless the benchmark has the prompts and questions that the run was made of."""
        if self.of(benchmark).content != self.content:
            source = "".join(f" of {path}" for path in self.files.values())
            raise BenchmarkError(
                f"{folder} was made of other prompts or questions than those{source} now; restore them, or run them "
                "into another folder."
            )


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested dictionaries by their dotted names."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else key)
    else:
        yield name, value
