"""A full device is one sentence that says what to lower, and leaves nothing behind."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from scalingar.cli.main import main
from scalingar.core.errors import DecodingError
from scalingar.models.llamagen.transformer import LlamaGen
from tests.tiny.package import save_tiny_package
from tests.tiny.pipes import PROMPT, tiny_pipe


@pytest.fixture
def _full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of more than eight rows do not fit."""
    step = LlamaGen.step

    def limited(model: LlamaGen, codes: Tensor, *rest: object) -> Tensor:
        if len(codes) > 8:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return step(model, codes, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(LlamaGen, "step", limited)


@pytest.mark.usefixtures("_full")
def test_in_python() -> None:
    pipe = tiny_pipe()
    with pytest.raises(
        DecodingError, match=r"memory is full with 2 images of num_trajectories=3; lower .*max_rows"
    ) as e:
        pipe([PROMPT, PROMPT], num_trajectories=3)
    assert e.value.__context__ is None, "its traceback would keep the tensors alive"
    stream = pipe.stream(PROMPT, num_trajectories=6)
    with pytest.raises(DecodingError, match="with 1 image of"):
        list(stream)
    assert stream._engine.live is None
    assert len(pipe(PROMPT, num_trajectories=4).images) == 1


@pytest.mark.usefixtures("_full")
def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save_tiny_package(tmp_path / "model")
    assert main(["generate", "a dog", "--model", str(folder), "-n", "8", "-o", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: the device's memory is full")
    assert "--dtype" in error or "dtype bf16" in error
