"""The official outputs come out of the device too."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch

from scalingar.doctor.golden import golden_file
from scalingar.doctor.golden.golden_file import CHECKS, LOGITS, GoldenFile
from scalingar.doctor.golden.infinity import transformer_check as infinity_check
from scalingar.doctor.golden.llamagen import transformer_check as llamagen_check
from scalingar.doctor.golden.llamagen import vq_check
from scalingar.doctor.golden.var import transformer_check as var_check
from scalingar.models.llamagen.transformer import LlamaGen
from tests.doctor.golden.test_var_checks import tokenizer as var_tokenizer
from tests.upstream import reference

pytestmark = pytest.mark.device
FILES = (
    "llamagen_c2i",
    "llamagen_t2i",
    "basic/gpt_c2i_hd20",
    "llamagen_vq_m124",
    "llamagen_filter",
)


@pytest.fixture
def there(device: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Models of the checks are built on the device, and what they compute is compared on the CPU."""
    for module in (llamagen_check, vq_check, var_check):
        monkeypatch.setattr(module, "build_module", partial(module.build_module, device=device))
    plain = golden_file.difference
    monkeypatch.setattr(golden_file, "difference", lambda expected, computed: plain(expected.cpu(), computed))
    monkeypatch.setattr(var_check, "difference", lambda expected, computed: plain(expected.cpu(), computed))
    with torch.inference_mode():
        yield device


def moved(name: str, device: str) -> GoldenFile:
    """The file with its arrays on the device."""
    file = reference.load(name)
    file.arrays = {key: array.to(device) for key, array in file.arrays.items()}
    return file


def wrong(comparisons: Any) -> list[str]:
    found = list(comparisons)
    assert found
    return [f"{one.name}: {one.difference:.2g}" for one in found if not one.ok]


@pytest.mark.parametrize("captured", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_llamagen(name: str, captured: bool, there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, step = llamagen_check.build, LlamaGen.step

    def built(*arguments: Any, **options: Any) -> LlamaGen:
        model = build(*arguments, **options)
        model.cuda_graphs = captured
        return model

    monkeypatch.setattr(llamagen_check, "build", built)
    # The checks keep the logits of all steps, and a captured step writes over those of the one before.
    monkeypatch.setattr(LlamaGen, "step", lambda *arguments: step(*arguments).clone())
    file = moved(name, there)
    assert wrong(CHECKS[file.kind](file)) == []


@pytest.mark.parametrize("name", ["var_no_l2norm", "var_shared_aln"])
def test_var(name: str, there: str) -> None:
    file = moved(name, there)
    quantiser = var_tokenizer()
    try:
        compared = list(var_check.compare(file, var_check.build(file), quantiser.to(there)))
    finally:
        quantiser.cpu()  # other tests share it
    assert wrong(one for one in compared if one.name != "greedy_img") == []


def test_infinity(there: str) -> None:
    file = reference.load("infinity_patchify")
    model = infinity_check.build(file).to(there)
    quantizer = infinity_check.bit_quantizer(file, model)
    texts = infinity_check.condition(model, file)
    codes = [scale.to(there) for scale in infinity_check._teacher(file, quantizer)]
    scales = infinity_check.forced(model, quantizer, texts, codes, guided=infinity_check._guided(file))
    compared = [
        one
        for k, step in enumerate(scales)
        for one in file.compare_stored(f"tf_logits_raw_{k}", step.logits.flatten(-2), LOGITS)
    ]
    assert wrong(compared) == []
