"""Keys, and who is answered without one."""

from pathlib import Path

import pytest

from scalingar.core.errors import ConfigError
from scalingar.serve.auth import VARIABLE, Door, check_exposure, is_local, read_key
from scalingar.serve.errors import ApiError


def test_a_key_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret-1\n")
    assert read_key(None, {}) is None
    assert read_key(file, {}) == "secret-1"
    assert read_key(None, {VARIABLE: "secret-2"}) == "secret-2"
    with pytest.raises(ConfigError, match="both give a key"):
        read_key(file, {VARIABLE: "secret-2"})


@pytest.mark.parametrize("content", ["", " \n", "two words", "two\nlines", "schlüssel"])
def test_what_is_no_key(content: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content)
    with pytest.raises(ConfigError, match="holds no key"):
        read_key(tmp_path / "key", {})


def test_a_key_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the key in .*missing"):
        read_key(tmp_path / "missing", {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_this_machine(host: str) -> None:
    assert is_local(host)
    check_exposure(host, None, no_auth=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "example.org", ""])
def test_other_machines_need_a_key(host: str) -> None:
    assert not is_local(host)
    with pytest.raises(ConfigError, match="there is no key"):
        check_exposure(host, None, no_auth=False)
    check_exposure(host, "secret", no_auth=False)
    check_exposure(host, None, no_auth=True)
    with pytest.raises(ConfigError, match="leave one of them out"):
        check_exposure(host, "secret", no_auth=True)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secret2", "Bearer ö"]
)
def test_a_wrong_key(header: str) -> None:
    with pytest.raises(ApiError) as told:
        Door("secret", no_auth=False).check({"authorization": header})
    assert (told.value.status, told.value.code) == (401, "invalid_api_key")


def test_the_right_key_under_any_name() -> None:
    Door("secret", no_auth=False).check({"authorization": "Bearer secret", "host": "example.org"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:80", "[::1]"])
def test_without_a_key_this_machine_is_answered(host: str) -> None:
    Door(None, no_auth=False).check({"host": host})


@pytest.mark.parametrize("host", ["example.org", "localhost.example.org:8000", "127.0.0.1.example.org", "", "::1"])
def test_without_a_key_foreign_names_are_not(host: str) -> None:
    with pytest.raises(ApiError) as told:
        Door(None, no_auth=False).check({"host": host})
    assert told.value.status == 403
    Door(None, no_auth=True).check({"host": host})
