"""The benchmark counts what it says, on a model that takes no time."""

import pytest

from scalingar.strategies import Single
from speed import next_scale
from tests.tiny import scale_pipes


def test_decodes_of_one_prompt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(next_scale, "random_infinity", lambda *_: scale_pipes.infinity_pipe())
    monkeypatch.setattr("sys.argv", ["next_scale", "--repeats", "1"])
    next_scale.main()
    lines = capsys.readouterr().out.splitlines()
    decodes = {line[:22].strip(): int(line[22:].split()[3]) for line in lines[3:-1]}
    assert decodes == {"single": 1, "best-of-8": 8, "tts-var": 21, "tts-var N=2": 42}
    assert lines[-1].endswith("21 decodes")


def test_a_random_model_draws() -> None:
    pipe = next_scale.random_infinity(1, 64, "0.06M", next_scale.DTYPES["bf16"], channels=32)
    run = next_scale.measured(pipe, Single(), "a dog", 1)
    assert run.ledger.forward_rows == 2 * (521 - 1)
    assert run.resident > 2**20
