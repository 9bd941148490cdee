"""``from_pretrained`` with published weights: one file, two files, a folder, a name on the hub."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scalingar.core.errors import ConfigError, PromptError, WeightsError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.llamagen.transformer import LlamaGen
from scalingar.models.llamagen.vq import VQConfig
from scalingar.models.prompts.encoders import LabelEncoder
from scalingar.models.prompts.t5 import T5Encoder
from scalingar.pipeline.pipeline import ImagePipeline
from tests.tiny import llamagen as tiny
from tests.tiny.package import save_tiny_package
from tests.tiny.t5 import save_tiny_t5
from tests.upstream import released_files
from tests.upstream.released_files import read_captions

FAST: dict[str, Any] = {"strategy": "scaling-ar", "num_trajectories": 2, "seed": 3}


def llamagen(pipe: ImagePipeline) -> LlamaGen:
    assert isinstance(pipe.model, LlamaGen)
    return pipe.model


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


# --- text to image -----------------------------------------------------------------------------


def test_two_files(tmp_path: Path) -> None:
    transformer, tokenizer = released_files.save_t2i(tmp_path)
    pipe = ImagePipeline.from_pretrained(transformer, tokenizer=tokenizer, text_encoder=read_captions, grid=(8, 8))
    assert (pipe.guidance_scale, pipe.sampling) == (7.5, SamplingConfig(top_k=1000))
    assert sorted(pipe.hashes) == ["t2i_XL_stage1_256.pt", "vq_ds16_t2i.pt"]
    assert all(len(value) == 64 for value in pipe.hashes.values())
    image = pipe("a red cat", **FAST).images[0]
    assert image.size == (64, 64)
    assert np.asarray(image).std() > 1


def test_a_folder_with_both_files_and_the_size_from_the_name(tmp_path: Path) -> None:
    _, tokenizer = released_files.save_t2i(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(WeightsError, match=r"16x16 codes for 256 pixels, the tokenizer makes 128x128 .* \(stride 8\)"):
        ImagePipeline.from_pretrained(tmp_path, text_encoder=read_captions)
    coarse = VQConfig(codebook_size=96, codebook_dim=4, channels=32, channel_mult=(1,) * 5, z_channels=32, res_blocks=1)
    torch.save({"model": tiny.tiny_vq(coarse).state_dict()}, tokenizer)
    pipe = ImagePipeline.from_pretrained(tmp_path, text_encoder=read_captions)
    assert pipe.grids == ((16, 16),)
    assert ImagePipeline.from_pretrained(tmp_path, image_size=256, text_encoder=read_captions).grids == ((16, 16),)


def test_captions_go_through_t5_as_the_family_pads_them(tmp_path: Path) -> None:
    encoder = save_tiny_t5(tmp_path / "t5", width=32)
    official, tuned = tmp_path / "official", tmp_path / "tuned"
    official.mkdir()
    tuned.mkdir()
    released_files.save_t2i(official)
    released_files.save_ar_grpo(tuned)
    first = ImagePipeline.from_pretrained(official, grid=(8, 8), text_encoder=encoder, clean_caption=False)
    assert isinstance(first.encode_prompts, T5Encoder)
    told = first.encode_prompts
    assert (told.slots, told.width, told.padding, told.zero_pads, told.clean) == (10, 32, "left", True, False)
    second = ImagePipeline.from_pretrained(tuned, text_encoder=encoder)
    assert isinstance(second.encode_prompts, T5Encoder)
    assert (second.encode_prompts.padding, second.encode_prompts.zero_pads) == ("right", False)
    assert (second.guidance_scale, second.sampling.top_k, second.grids) == (7.5, 2000, ((8, 8),))
    for pipe in (first, second):
        assert pipe("a red cat on the mat", **FAST).images[0].size == (64, 64)
        assert pipe.encode_prompts._network is None  # type: ignore[attr-defined]


def test_collapse_can_be_switched_and_changes_no_picture(tmp_path: Path) -> None:
    released_files.save_t2i(tmp_path)
    pictures, peaks = [], []
    for collapse in (None, False):
        pipe = ImagePipeline.from_pretrained(
            tmp_path, grid=(8, 8), text_encoder=read_captions, collapse_prefix=collapse
        )
        output = pipe(["a red cat", "dogs"], **FAST)
        pictures.append([image.tobytes() for image in output.images])
        peaks.append(output.ledger.peak_bytes)
    assert pictures[0] == pictures[1]
    assert peaks[0] < peaks[1]


def test_dtype_is_the_transformers_alone(tmp_path: Path) -> None:
    released_files.save_t2i(tmp_path)
    pipe = ImagePipeline.from_pretrained(
        tmp_path, grid=(8, 8), dtype=torch.bfloat16, text_encoder=read_captions, device="cpu"
    )
    assert llamagen(pipe).dtype == torch.bfloat16
    assert isinstance(pipe.tokenizer, torch.nn.Module)
    assert {p.dtype for p in pipe.tokenizer.parameters()} == {torch.float32}
    assert not llamagen(pipe).collapses
    assert pipe("a cat", **FAST).results[0].best.finished


# --- classes -----------------------------------------------------------------------------------


def test_prompts_of_a_class_model_are_labels(tmp_path: Path) -> None:
    released_files.save_c2i(tmp_path)
    pipe = ImagePipeline.from_pretrained(tmp_path, grid=(5, 5), heads=3)
    assert pipe.encode_prompts == LabelEncoder(8)
    assert (pipe.guidance_scale, pipe.sampling.top_k) == (4.0, 2000)
    assert pipe("7", **FAST).images[0].size == (10, 10)
    with pytest.raises(PromptError, match="'8' is no class label; give a number from 0 to 7"):
        pipe("8", **FAST)
    with pytest.raises(ConfigError, match=r"text_encoder is 'x'; .* has no use for it"):
        ImagePipeline.from_pretrained(tmp_path, grid=(5, 5), heads=3, text_encoder="x")


def test_a_variant_of_a_folder_of_official_files(tmp_path: Path) -> None:
    released_files.save_c2i(tmp_path)
    released_files.save_t2i(tmp_path)
    with pytest.raises(WeightsError, match=r"holds several transformers \('c2i_B_256.pt', 't2i_XL.*or a variant"):
        ImagePipeline.from_pretrained(tmp_path)
    pipe = ImagePipeline.from_pretrained(tmp_path, variant="c2i-b-256", heads=3, grid=(5, 5))
    assert llamagen(pipe).config.condition == "class"
    assert sorted(pipe.hashes) == ["c2i_B_256.pt", "vq_ds16_c2i.pt"]
    with pytest.raises(ConfigError, match="has no variant 'c2i-l-384'; name the file"):
        ImagePipeline.from_pretrained(tmp_path, variant="c2i-l-384")


# --- what does not belong ----------------------------------------------------------------------


def test_a_transformer_alone(tmp_path: Path) -> None:
    transformer, tokenizer = released_files.save_t2i(tmp_path)
    with pytest.raises(WeightsError, match=r"holds a transformer only; give its tokenizer's file as tokenizer"):
        ImagePipeline.from_pretrained(transformer, grid=(8, 8))
    with pytest.raises(WeightsError, match=r"holds no transformer of a known family \(emu3, glm-image, infinity"):
        ImagePipeline.from_pretrained(tokenizer)


def test_a_tokenizer_of_another_model(tmp_path: Path) -> None:
    transformer, _ = released_files.save_t2i(tmp_path)
    _, tokenizer = released_files.save_c2i(tmp_path)
    with pytest.raises(WeightsError, match=r"predicts 96 codes, the tokenizer has 80; they do not belong"):
        ImagePipeline.from_pretrained(transformer, tokenizer=tokenizer, grid=(8, 8))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    released_files.save_t2i(tmp_path)
    (tmp_path / "vq_ds16_t2i.pt").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(WeightsError, match=r"vq_ds16_t2i.pt is cut short"):
        ImagePipeline.from_pretrained(tmp_path)


def test_a_package_has_no_use_for_variants_and_cannot_be_collapsed(tmp_path: Path) -> None:
    package = save_tiny_package(tmp_path / "model")
    for name, value in {"variant": "x", "tokenizer": "y", "grid": (1, 1), "text_encoder": "z"}.items():
        with pytest.raises(ConfigError, match=f"{name} is .*; .* has no use for it"):
            ImagePipeline.from_pretrained(package, **{name: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="condition has positions"):
        ImagePipeline.from_pretrained(package, collapse_prefix=True)


def test_transformers_models_are_known_by_their_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "janus"}')
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"config.json describes a janus of [\d.]+ billion weights, and .* 72 bytes"):
        ImagePipeline.from_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"grid is .* has no use for it"):
        ImagePipeline.from_pretrained(tmp_path, grid=(2, 2))


# --- names on the hub --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "variant"), [("peizesun/llamagen_t2i", "t2i-xl-256"), ("{}:t2i-xl-256", None)])
def test_names_on_the_hub(name: str, variant: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released_files.save_t2i(tmp_path)
    asked: list[tuple[str, str | None]] = []

    def fetched(repo: str, file: str | None = None) -> Path:
        asked.append((repo, file))
        return tmp_path / str(file)

    monkeypatch.setattr("scalingar.pipeline.loading.locating.fetch", fetched)
    name = name.format("FoundationVision/LlamaGen")
    pipe = ImagePipeline.from_pretrained(name, variant=variant, text_encoder=read_captions)
    assert asked == [("peizesun/llamagen_t2i", "t2i_XL_stage1_256.pt"), ("peizesun/llamagen_t2i", "vq_ds16_t2i.pt")]
    assert pipe.grids == ((16, 16),)
    assert pipe.guidance_scale == 7.5


def test_a_repository_that_is_one_folder_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released_files.save_ar_grpo(tmp_path)
    asked: list[str] = []

    def fetched(repo: str, file: str | None = None) -> Path:
        assert file is None
        asked.append(repo)
        return tmp_path

    monkeypatch.setattr("scalingar.pipeline.loading.locating.fetch", fetched)
    pipe = ImagePipeline.from_pretrained("CSshihao/AR-GRPO_T2I_XL_256", text_encoder=read_captions)
    assert asked == ["CSshihao/AR-GRPO_T2I_XL_256"]
    assert list(pipe.hashes) == ["model.safetensors"]
    assert (pipe.sampling.top_k, pipe.grids) == (2000, ((16, 16),))


def test_a_repository_that_is_not_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tiny_package(tmp_path)
    monkeypatch.setattr("scalingar.pipeline.loading.locating.fetch", lambda repo, file=None: tmp_path)
    assert ImagePipeline.from_pretrained("somebody/something").name == "tiny"


def test_a_name_that_is_nothing() -> None:
    with pytest.raises(WeightsError, match=r"no model '/none/at/all': it is neither 'embedded' nor"):
        ImagePipeline.from_pretrained("/none/at/all")


def test_tokenizers_of_the_class_models_need_32_channels() -> None:
    """The random tokenizer above is one that official loading accepts."""
    assert tiny.tiny_vq(released_files.C2I_VQ_CONFIG).config.channels % 32 == 0
