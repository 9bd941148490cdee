import io
import os
import tempfile
from itertools import islice
from pathlib import Path

import pytest

from scalingar.core.chat.kept_records import KeptRecords
from scalingar.core.errors import OutputError
from scalingar.core.files import (
    append,
    check_writable,
    content_hash,
    free_file,
    free_folder,
    numbered,
    staging,
    write_beside,
    write_file,
    write_files,
)
from scalingar.models.prompts.feature_cache import FeatureCache


def test_a_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(OutputError, match="choose another one"):
            check_writable(folder)


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        check_writable(tmp_path)


def test_a_file_is_replaced(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"old and long")
    write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_an_old_file_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "f", b"old")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        write_file(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_file(tmp_path / "f", b"new")
    with pytest.raises(OutputError, match="cannot write"):
        write_file(tmp_path / "none" / "f", b"new")


def test_all_files_stay_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path, {"a": b"old", "b": b"old"})
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if content == b"two":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"cannot write .*/b: No space left"):
        write_files(tmp_path, {"a": b"one", "b": b"two"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old", "b": b"old"}


def test_every_content_is_on_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[tuple[str, int]] = []
    sync, replace = os.fsync, Path.replace

    def fsync(file: int) -> None:
        did.append(("sync", os.fstat(file).st_ino))
        sync(file)

    def rename(path: Path, target: Path) -> Path:
        did.append(("rename", path.stat().st_ino))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    write_files(tmp_path, {"a": b"1", "deep/er/b": b"2"})
    for name in ("a", "deep/er/b"):
        inode = (tmp_path / name).stat().st_ino
        parent = ("sync", (tmp_path / name).parent.stat().st_ino)
        assert did.index(("sync", inode)) < did.index(("rename", inode)) < len(did) - 1 - did[::-1].index(parent)
    assert {("sync", (tmp_path / name).stat().st_ino) for name in ("deep", "")} <= set(did)


def test_links_are_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    for name in ("f", "lines"):
        (tmp_path / name).symlink_to(tmp_path / "precious")
    write_file(tmp_path / "f", b"new")
    with pytest.raises(OSError, match="symbolic links"):
        append(tmp_path / "lines", b"more")
    assert (tmp_path / "precious").read_bytes() == b"mine"
    assert (tmp_path / "f").read_bytes() == b"new"
    assert not (tmp_path / "f").is_symlink()


def test_a_staged_folder_is_the_users_own_and_lives_as_long_as_its_process(tmp_path: Path) -> None:
    left = tmp_path / ".scalingar-left.partial"
    left.mkdir()
    (left / "0").write_bytes(b"half")
    with staging(tmp_path) as stage:
        check_writable(tmp_path)
        assert stage.stat().st_mode & 0o777 == 0o700
        assert [path.name for path in tmp_path.iterdir()] == [stage.name]
    assert list(tmp_path.iterdir()) == []


def test_caches_are_swept_too(tmp_path: Path) -> None:
    for cache in (KeptRecords, FeatureCache):
        (tmp_path / ".scalingar-left.partial").mkdir()
        cache(tmp_path)
        assert list(tmp_path.iterdir()) == []
        cache(tmp_path / "none")


def test_a_link_like_a_staged_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "lock").touch()
    (tmp_path / ".scalingar-0.partial").symlink_to(tmp_path / "precious")
    check_writable(tmp_path)
    assert (tmp_path / "precious" / "lock").exists()


def test_a_full_disk_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OutputError, match="No space left on device; choose another one"):
        check_writable(tmp_path)


def test_the_hash_of_a_folder_is_of_its_content(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "in").mkdir(parents=True)
        (tmp_path / name / "in" / "f").write_bytes(b"1")
    assert content_hash(tmp_path / "one") == content_hash(tmp_path / "two") != content_hash(tmp_path / "one" / "in")
    (tmp_path / "two" / "in" / "f").write_bytes(b"2")
    assert content_hash(tmp_path / "one") != content_hash(tmp_path / "two")


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    folder, told = tmp_path / "v1.5", {"a.md": b"one", "b.md": b"two"}
    assert free_folder(folder, told) == folder
    for place in (folder, tmp_path / "v1.5-2"):
        place.mkdir()
    write_files(folder, told)
    assert free_folder(folder, told) == folder  # the same once more
    assert free_folder(folder, {"c.md": b"three"}) == folder
    assert free_folder(folder, {**told, "b.md": b"other"}) == tmp_path / "v1.5-2"
    write_file(tmp_path / "v1.5-2" / "b.md", b"mine")
    assert free_folder(folder, {"b.md": b"other"}) == tmp_path / "v1.5-3"
    assert write_beside(folder, told) == folder
    assert write_beside(folder, {"b.md": b"other"}) == tmp_path / "v1.5-3"
    assert write_beside(folder, {"b.md": b"other"}) == tmp_path / "v1.5-3"
    found = [(tmp_path / name / "b.md").read_bytes() for name in ("v1.5", "v1.5-2", "v1.5-3")]
    assert found == [b"two", b"mine", b"other"]
    picture = tmp_path / "pictures.png"
    write_file(picture, b"old")
    assert free_file(picture, b"old") == picture
    assert free_file(picture, b"new") == tmp_path / "pictures-2.png"
    assert list(islice(numbered(Path(".")), 2)) == [Path("."), Path("results-2")]
