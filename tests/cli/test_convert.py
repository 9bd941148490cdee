from pathlib import Path

import pytest

from scalingar.cli.main import main
from scalingar.core.files import sha256
from scalingar.core.locks import sole_writer, sole_writer_of
from tests.upstream import released_files


def test_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transformer, _ = released_files.save_t2i(tmp_path)
    out = tmp_path / "t2i.safetensors"
    assert main(["convert", str(transformer), str(out), "--dtype", "bf16"]) == 0
    assert capsys.readouterr().out == f"{sha256(out)}  {out}\n"


def test_one_process_writes_a_file_or_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transformer, tokenizer = released_files.save_t2i(tmp_path)
    out, model = tmp_path / "t2i.safetensors", tmp_path / "model"
    model.mkdir()
    with sole_writer_of(out), sole_writer(model):
        assert main(["convert", str(transformer), str(out)]) == 1
        assert f"{out} is being written by process" in capsys.readouterr().err
        assert main(["convert", str(transformer), str(model), "--tokenizer", str(tokenizer)]) == 1
        assert f"{model} is being written by process" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_generate_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    transformer, tokenizer = released_files.save_c2i(tmp_path)
    model = tmp_path / "model"
    options = ["--tokenizer", str(tokenizer), "model.heads=3", "model.grid=[16,16]"]
    assert main(["convert", str(transformer), str(model), *options]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    run = ["generate", "5", "--model", str(model), "--strategy", "single", "-o", str(tmp_path / "out"), "--quiet"]
    assert main([*run, "sampling.guidance_interval=20"]) == 0
    assert (tmp_path / "out" / "image.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.pt", "x.safetensors"], 1, "no model 'none.pt'"),
        (["none.pt", "x.safetensors", "--dtype", "fp8"], 1, "model.dtype='fp8': must be 'fp32', 'bf16' or 'fp16'"),
        (["none.pt", "x.safetensors", "model.name=embedded"], 1, "model.name is set twice, also by model.name=;"),
        (["none.pt", "x.safetensors", "heads=3"], 2, "'heads=3' is no option of a model"),
        (["FoundationVision/LlamaGen", "x"], 1, "holds several models; give variant"),
    ],
)
def test_what_goes_wrong_is_one_line(
    arguments: list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["convert", *arguments]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
