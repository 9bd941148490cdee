"""A family of one's own: a next-token model with weights of its own is what stands here, and nothing elsewhere."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from scalingar.cli.main import main
from scalingar.core.errors import ConfigError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.author_defaults import Defaults
from scalingar.models.family import FAMILIES, Family, Network, Part, Source, model_options
from scalingar.models.options import IMAGE_SIZE, Choice, Option
from scalingar.models.weights.checkpoint import Contents, read_weights
from scalingar.pipeline.loading import family_of, load
from scalingar.pipeline.loading.conversion import convert
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe


@dataclass
class LastCodes:
    """The cache of a model that remembers one code per row."""

    prompt: Tensor
    lockstep = False

    @property
    def rows(self) -> int:
        return len(self.prompt)

    @property
    def nbytes(self) -> int:
        return self.prompt.nbytes

    def select(self, rows: Tensor) -> Self:
        return type(self)(self.prompt[rows])

    def overwrite(self, rows: Tensor, fresh: Self) -> None:
        self.prompt[rows] = fresh.prompt


@dataclass(frozen=True)
class Markov:
    """The next code depends on the last one and on how long the prompt is."""

    table: Tensor
    grid: tuple[int, int]

    @property
    def vocab_size(self) -> int:
        return len(self.table)

    def condition(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return inputs

    def prefill(self, condition: Tensor, *, guided: bool) -> tuple[Tensor, LastCodes]:
        rows = torch.cat([condition, torch.zeros_like(condition)]) if guided else condition
        return self.table[rows], LastCodes(rows)

    def step(self, codes: Tensor, positions: Tensor, cache: LastCodes) -> Tensor:
        return self.table[codes] + self.table[cache.prompt]


@dataclass(frozen=True)
class Greys:
    """A code is a shade."""

    shades: Tensor
    downsample = 2

    def decode(self, codes: Tensor, grid: tuple[int, int]) -> Tensor:
        picture = self.shades[codes].view(-1, 1, *grid).expand(-1, 3, -1, -1)
        return picture.repeat_interleave(2, -1).repeat_interleave(2, -2)


def _parts(contents: Contents) -> Set[Part]:
    return {"transformer", "tokenizer"} if "markov.table" in contents.weights_or_empty() else set()


def _build(source: Source, choice: Choice) -> Network:
    weights = read_weights(source.transformer)
    side = choice.get(SIDE) or 3
    return Network(
        Markov(weights["markov.table"], (side, side)),
        Greys(weights["shades"]),
        lambda prompts: (torch.tensor([len(prompt) % 8 for prompt in prompts]), None),
        Defaults(guidance_scale=2.0, sampling=SamplingConfig(top_k=5)),
    )


SIDE = Option("side", int, "codes along each side")
MARKOV = Family(
    name="markov",
    title="Markov chains",
    decodes="next-token",
    default_strategy="best-of-n",
    options=(SIDE,),
    build=_build,
    parts=_parts,
    no_conversion="they are safetensors already",
)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    generator = torch.Generator().manual_seed(0)
    weights = {"markov.table": 3 * torch.randn(8, 8, generator=generator), "shades": torch.linspace(-1, 1, 8)}
    save_file(weights, tmp_path / "chain.safetensors")
    with FAMILIES.temporarily(MARKOV.name, MARKOV):
        yield tmp_path / "chain.safetensors"


def test_from_pretrained_runs_it_under_a_strategy(file: Path) -> None:
    pipe = ImagePipeline.from_pretrained(file)
    assert (pipe.guidance_scale, pipe.sampling, list(pipe.hashes)) == (2.0, SamplingConfig(top_k=5), [file.name])
    output = pipe(["a dog", "two cats"], strategy="scaling-ar", num_trajectories=4, seed=1)
    assert [image.size for image in output.images] == [(6, 6), (6, 6)]
    assert output.ledger.prefill_rows == 4
    again = ImagePipeline.from_pretrained(file)("two cats", strategy="scaling-ar", num_trajectories=4, seed=1)
    assert again.images[0].tobytes() == output.images[1].tobytes()
    assert load(Choice(name=file.parent, options={"side": 5})).model.grid == (5, 5)


def test_the_rest_of_the_package_knows_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert family_of(str(file)) is MARKOV
    assert Recipe.from_dict({"model": str(file)}).to_dict()["strategy"]["name"] == "best-of-n"
    assert model_options()["side"] is SIDE
    assert main(["ls", "models"]) == 0
    assert "Markov chains, next-token; options: side" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(ConfigError, match=r"grid is \(1, 1\); .*\(markov\) has no use for it, its options are side\."):
        ImagePipeline.from_pretrained(file, grid=(1, 1))
    with pytest.raises(ConfigError, match="is not converted: they are safetensors already"):
        convert(Choice(name=file), file.parent / "converted")


def test_afterwards_nobody_does(file: Path) -> None:
    with FAMILIES.temporarily("other", MARKOV), pytest.raises(WeightsError, match="that both markov and markov recog"):
        load(Choice(name=file))
    assert "other" not in FAMILIES


def test_an_option_means_the_same_in_every_family(file: Path) -> None:
    odd = Family(
        name="odd",
        title="Odd",
        decodes="next-token",
        default_strategy="single",
        options=(Option(IMAGE_SIZE.name, str, "how large it feels"),),
        build=_build,
    )
    with (
        FAMILIES.temporarily("odd", odd),
        pytest.raises(ConfigError, match=r"the family 'odd' redefines the option image_size"),
    ):
        model_options()
