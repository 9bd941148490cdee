"""What the doctor finds here, and what it says of a machine that lacks something."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from scalingar.doctor import environment, selftest, selftest_scales
from scalingar.doctor.environment import facts
from scalingar.doctor.selftest import self_test
from scalingar.models.embedded.installed_weights import EMBEDDED
from scalingar.models.llamagen.kv_cache import KVCache
from scalingar.rewards.verifiers.verifier import BY_DETECTOR
from tests.tiny.package import save_tiny_package


def test_facts_of_this_machine() -> None:
    found = {(fact.topic, fact.name): fact for fact in facts()}
    assert found["versions", "torch"].value == torch.__version__
    assert found["devices", "cpu"].value.startswith("fp32")
    judges = ["reward", "detector"]
    verifiers = [f"verifier {name}{ending}" for name in EMBEDDED for ending in ("", BY_DETECTOR)]
    for name in (*EMBEDDED, *judges, *verifiers):
        assert re.fullmatch(r"\d+\.\d MB", found["weights", name].value), name
    assert all(fact.ok for fact in found.values())


def test_missing_extras_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ftfy", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    found = {fact.name: fact for fact in facts() if fact.topic == "extras"}
    assert found["t5"].value.startswith("missing transformers, ftfy: pip install 'beautifulsoup4")
    assert found["hf"].ok, "an extra is optional"


def test_every_extra_is_looked_for() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    named = {fact.name for fact in facts() if fact.topic == "extras"}
    assert named == declared["optional-dependencies"].keys() - {"test"}


def test_missing_weights_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "embedded_folder", lambda kind: tmp_path)
    (fact,) = (fact for fact in facts() if fact.name == "embedded")
    assert not fact.ok
    assert "pipeline.json, transformer.safetensors, tokenizer.safetensors missing in" in fact.value


@pytest.mark.parametrize("name", ["pipeline.json", "tokenizer.safetensors"])
def test_damaged_weights_are_an_error_and_everything_else_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny_package(tmp_path)
    (folder / name).write_bytes((folder / name).read_bytes()[:60])
    monkeypatch.setattr(environment, "embedded_folder", lambda kind: folder)
    found = {fact.name: fact for fact in facts()}
    assert not found["embedded"].ok
    assert re.match(rf"{folder / name} cannot be read \(.+\); install again", found["embedded"].value)
    assert not found["reward"].ok, "there is none"
    assert found["hub cache"].ok


def test_a_hub_cache_of_somebody_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/somebody/hub")
    monkeypatch.setattr(Path, "is_dir", refused)
    value, ok = environment._hub_cache()
    assert (value, ok) == ("/somebody/hub cannot be read: Permission denied", False)


def test_repositories_fetched_before_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "models--FoundationVision--LlamaGen").mkdir()
    assert {fact.name: fact.value for fact in facts()}["hub cache"] == "FoundationVision/LlamaGen"


def test_formats_that_do_not_work_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(q: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        if q.dtype == torch.float16:
            raise RuntimeError("not implemented for 'Half'")
        return q

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", refuses)
    assert {fact.name: fact.value for fact in facts()}["cpu"] == "fp32, bf16"


def test_self_test_passes_here_and_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    assert [fact.value for fact in self_test()] == ["passed"] * 4
    assert torch.equal(torch.get_rng_state(), before)


def test_self_test_notices_a_broken_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are mixed up when some are cut, and a prefix that lost its weight."""
    select = KVCache.select
    monkeypatch.setattr(KVCache, "select", lambda cache, rows: select(cache, rows.flip(0)))
    assert [fact.ok for fact in self_test()][1] is False
    monkeypatch.undo()
    monkeypatch.setattr(KVCache, "_valid", lambda cache, prefix: torch.ones(cache.rows, prefix, dtype=torch.bool))
    assert [fact.ok for fact in self_test()] == [True, True, False, True]


def test_self_test_reports_errors_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no kernel image")

    for decoder in (selftest.NextTokenDecoder, selftest_scales.NextScaleDecoder):
        monkeypatch.setattr(decoder, "start", fails)
    assert {fact.value for fact in self_test()} == {"failed: no kernel image"}
