"""The package by itself: nothing that only an extra installs is asked for until something of the extra is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from scalingar.core.packages import EXTRAS

BLOCKED = sorted({module for modules in EXTRAS.values() for module in modules})
PROGRAM = f"""
import sys
for module in {BLOCKED}:
    sys.modules[module] = None  # importing it is an ImportError
from scalingar.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=False)


def test_the_modules_of_all_extras_are_blocked() -> None:
    assert {"transformers", "huggingface_hub", "fastapi", "gradio", "ray", "openai", "diffusers"} <= set(BLOCKED)


@pytest.mark.parametrize("words", [("embedded", "scaling-ar", "2"), ("embedded-next-scale", "tts-var", "1")])
def test_the_embedded_models_draw(words: tuple[str, str, str], tmp_path: Path) -> None:
    model, strategy, count = words
    done = run(
        "generate", "a photo of a dog", "--model", model, "--strategy", strategy, "-n", count, "-o", str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "image.png").exists()


def test_what_an_extra_brings_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "janus"}')
    for words, extra in (
        (("generate", "a dog", "--model", str(tmp_path)), "hf"),
        (("generate", "a dog", "--reward", "clip-score", "--strategy", "best-of-n"), "hf"),
        (("serve",), "serve"),
        (("studio",), "studio"),
    ):
        done = run(*words)
        assert done.returncode == 1
        assert f"(the extra {extra} of scalingar)" in done.stderr
        assert "Traceback" not in done.stderr
