"""The contract that every registered family keeps, on tiny random weights in the form they are published in."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from transformers import GlmImageProcessor

from scalingar.core.errors import ConfigError
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.models.family import FAMILIES, Loaded, model_options
from scalingar.models.options import VARIANT, Choice, Option
from scalingar.models.weights.checkpoint import Contents
from scalingar.models.weights.weight_files import weight_file_names
from scalingar.pipeline.loading import family_of, load
from scalingar.pipeline.loading.conversion import convert
from scalingar.pipeline.loading.locating import locate
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import STRATEGIES
from scalingar.strategies.controls import RandomOfN
from scalingar.strategies.needs import Needs
from scalingar.strategies.search import Decision, Search, Step
from scalingar.strategies.setting import Setting
from tests.tiny import glm_image as tiny_glm
from tests.tiny import hf as tiny_hf
from tests.tiny import scale_pipes
from tests.tiny import simplear as tiny_simplear
from tests.upstream import released_files

Save = Callable[[Path], Any]
SAMPLES: dict[str, tuple[Save, dict[str, Any], str]] = {
    "emu3": (tiny_hf.save_emu3, {"image_size": 8, "aspect_ratio": "5:3"}, "a red dog"),
    "glm-image": (tiny_glm.save_whole, {"image_size": 64, "diffusion_steps": 1, "preview_steps": 1}, "a red dog"),
    "infinity": (scale_pipes.save_infinity, {"text_encoder": scale_pipes.read_texts}, "a red dog"),
    "janus": (tiny_hf.save_janus, {}, "a red dog"),
    "llamagen": (released_files.save_c2i, {"grid": (5, 5), "heads": 3}, "3"),
    "simplear": (tiny_simplear.save_simplear, {"image_size": 64}, "a red dog"),
    "var": (scale_pipes.save_var, {}, "3"),
}
"""How each family's weights are saved, what must be said of them, and a prompt."""

FOREIGN = [
    (name, option) for name in FAMILIES for option in model_options().values() if option not in FAMILIES[name].options
]


@pytest.fixture(autouse=True)
def small_previews(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GlmImageProcessor, "_get_target_shape", tiny_glm.small_shape)


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(family: str, tmp_path: Path) -> Path:
    path = tmp_path / family
    path.mkdir()
    SAMPLES[family][0](path)
    return path


def chosen(family: str, folder: Path) -> Choice:
    return Choice(name=folder, options=SAMPLES[family][1])


def test_every_family_has_a_sample() -> None:
    assert set(SAMPLES) == set(FAMILIES)


# --- what it says of itself --------------------------------------------------------------------


def test_it_goes_by_its_own_name_and_names_options_and_strategy(family: str) -> None:
    entry = FAMILIES[family]
    names = [option.name for option in entry.options]
    assert entry.name == family
    assert len(set(names)) == len(names)
    assert entry.default_strategy in STRATEGIES
    assert entry.folder is None or set(entry.folder.options) <= set(entry.options)


def test_releases_are_reached_with_the_options_it_takes(family: str) -> None:
    entry = FAMILIES[family]
    for repo, variants in entry.releases.items():
        owners = [name for name in FAMILIES if repo in FAMILIES[name].releases]
        assert owners == [family]
        assert family_of(repo) is entry
        assert len(variants) == 1 or VARIANT in entry.options


# --- which files are its own -------------------------------------------------------------------


def test_it_recognises_its_own_files_and_no_other_family_does(family: str, folder: Path) -> None:
    assert family_of(str(folder)) is FAMILIES[family]
    _, source = locate(chosen(family, folder))
    for file in [file for path in FAMILIES[family].weights(source) for file in weight_file_names(path)]:
        claims = {name for name in FAMILIES if FAMILIES[name].parts(Contents(file))}
        assert claims <= {family}
    model_types = [FAMILIES[name].model_type for name in FAMILIES if FAMILIES[name].model_type]
    assert len(set(model_types)) == len(model_types)


# --- loading and decoding ----------------------------------------------------------------------


def test_it_loads_and_draws(family: str, folder: Path) -> None:
    choice = chosen(family, folder)
    loaded = load(choice)
    assert loaded.family is FAMILIES[family]
    assert (loaded.name, loaded.reward) == (str(folder), None)
    assert loaded.hashes
    assert all(len(digest) == 64 for digest in loaded.hashes.values())
    pipe = ImagePipeline.from_pretrained(folder, **choice.options)
    assert (pipe.family, pipe.decoding) == (loaded.family, loaded.family.decodes)
    prompt = SAMPLES[family][2]
    first, again = (pipe(prompt, strategy="single", seed=seed, output_type="codes").images[0] for seed in (3, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, pipe(prompt, strategy="single", seed=4, output_type="codes").images[0])
    assert pipe(prompt, strategy="single", seed=3).images[0].size[0] >= 8


class ReadsStates(RandomOfN):
    """Random-of-N that reads the hidden states of every step, and gives up the second trajectory halfway."""

    seen: ClassVar[list[Tensor]] = []

    def needs(self) -> Needs:
        return Needs(states=True)

    def search(self, setting: Setting) -> Search:
        return StatesSearch(self, setting)


class StatesSearch(Search):
    def before_draw(self, step: Step) -> Decision | None:
        ReadsStates.seen.append(step.states)
        assert step.states.shape[0] == len(step)
        keep = [row for row, index in enumerate(step.indices) if index != 1]
        halfway = step.position == self.setting.total_steps // 2
        return Decision.of(keep, len(step), "by the test") if halfway and len(keep) < len(step) else None


def test_hidden_states_are_told_and_change_no_bit(family: str, folder: Path) -> None:
    choice = chosen(family, folder)
    pipe = ImagePipeline.from_pretrained(folder, **choice.options)
    prompt, seed = SAMPLES[family][2], 3
    plain = pipe(prompt, strategy="random-of-n", num_trajectories=3, seed=seed, output_type="codes")
    ReadsStates.seen.clear()
    read = pipe(prompt, strategy=ReadsStates(num_trajectories=3), seed=seed, output_type="codes")
    for before, after in zip(plain.candidates[0], read.candidates[0], strict=True):
        assert torch.equal(before.codes[: len(after.codes)], after.codes)
    assert read.candidates[0][1].cut is not None
    seen = ReadsStates.seen
    assert len(seen) == read.candidates[0][0].trace["log_p"].size
    assert (len(seen[0]), len(seen[-1])) == (3, 2)
    assert torch.equal(seen[0][0], seen[0][1])  # the prompt alone was read
    assert not torch.allclose(*seen[-1])  # then codes of their own were
    assert all(states.dtype == torch.float32 and states.isfinite().all() for states in seen)


@torch.inference_mode()
def drawn(loaded: Loaded, prompt: str, steps: int, rows: dict[int, list[int]]) -> Tensor:
    """Codes ``(n, t, g)`` of three trajectories after ``steps``, their rows reordered before some of the steps."""
    condition = loaded.model.condition(*loaded.encode_prompts([prompt]))
    indices = [0, 1, 2]
    noise = TrajectoryNoise.streams(0, indices)
    if loaded.family.decodes == "next-token":
        tokens = NextTokenDecoder(model=loaded.model, sampling=loaded.sampling)
        live = tokens.start(condition, [indices], noise, branches=2)
        for step in range(steps):
            live = live if step == 0 else tokens.advance(live)
            live = live.select(torch.tensor(rows[step])) if step in rows else live
            live = live.append(tokens.draw(live, loaded.guidance_scale))
    else:
        scales = NextScaleDecoder(model=loaded.model, tokenizer=loaded.tokenizer, sampling=loaded.sampling)
        live = scales.start(condition, [indices], noise, branches=2)
        for step in range(steps):
            live = live if step == 0 else scales.advance(live)
            live = live.select(torch.tensor(rows[step])) if step in rows else live
            live = scales.append(live, scales.draw(live, loaded.guidance_scale))
    return live.codes.reshape(len(live.codes), -1)


def test_rows_can_be_cut_and_forked(family: str, folder: Path) -> None:
    """A row is what it is whatever lives beside it; a copy shares its original's past and goes on by itself."""
    loaded, prompt, steps = load(chosen(family, folder)), SAMPLES[family][2], 6
    whole = drawn(loaded, prompt, steps, {})
    assert len({tuple(row) for row in whole.tolist()}) == 3
    assert torch.equal(drawn(loaded, prompt, steps, {2: [2]}), whole[2:])
    original, copy, other = drawn(loaded, prompt, steps, {2: [1, 1, 0]})
    assert torch.equal(original, whole[1])
    assert torch.equal(other, whole[0])
    past = drawn(loaded, prompt, 2, {})[1]
    assert torch.equal(copy[past != 0], past[past != 0])
    assert not torch.equal(copy, original)
    assert torch.equal(drawn(loaded, prompt, steps, {2: [1, 1], 4: [1]})[0], copy)


# --- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "option"), FOREIGN, ids=[f"{name}-{option.name}" for name, option in FOREIGN])
def test_an_option_it_does_not_name_is_refused_in_one_sentence(name: str, option: Option, tmp_path: Path) -> None:
    entry = FAMILIES[name]
    SAMPLES[name][0](tmp_path)
    _, source = locate(Choice(name=tmp_path))
    with pytest.raises(ConfigError) as caught:
        entry.load(source, Choice(name=tmp_path, options={option.name: "x"}))
    known = ", ".join(own.name for own in entry.options)
    assert str(caught.value).startswith(f"{option.name} is 'x'; {tmp_path} ({name}) has no use for it, ")
    assert str(caught.value).endswith(f"its options are {known}." if known else "it has no options.")


def test_an_option_that_is_none_is_not_set(family: str, folder: Path) -> None:
    unset = dict.fromkeys(model_options())
    assert load(Choice(name=folder, options={**unset, **SAMPLES[family][1]})).family.name == family


# --- conversion --------------------------------------------------------------------------------


def test_it_converts_or_says_why_not(family: str, folder: Path, tmp_path: Path) -> None:
    entry, choice = FAMILIES[family], chosen(family, folder)
    if entry.no_conversion:
        with pytest.raises(ConfigError, match=f"{folder} is not converted: {entry.no_conversion}"):
            convert(choice, tmp_path / "converted")
        return
    options = choice.options if entry.folder is not None else {}
    assert convert(Choice(name=folder, options=options), tmp_path / "converted")
    left = {} if entry.folder is not None else choice.options
    before, after = load(choice), load(Choice(name=tmp_path / "converted", options=left))
    assert after.family is entry
    assert (after.guidance_scale, after.sampling) == (before.guidance_scale, before.sampling)
    assert torch.equal(*(drawn(loaded, SAMPLES[family][2], 6, {}) for loaded in (before, after)))
