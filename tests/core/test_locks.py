"""One writer at a time; a lock ends with its process."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scalingar.core.errors import OutputError
from scalingar.core.locks import LOCK, sole_writer, sole_writer_of, writer_of

HOLD = "import sys, time\nfrom pathlib import Path\nfrom scalingar.core.locks import acquire\n"
HOLD += "acquire(Path(sys.argv[1]))\nprint('held', flush=True)\ntime.sleep(60)\n"


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    with sole_writer(tmp_path):
        with (
            pytest.raises(OutputError, match=rf"being written by process {os.getpid()} on \S+ since \d{{4}}-"),
            sole_writer(tmp_path),
        ):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / LOCK)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OutputError, match=f"process {holder.pid} on"), sole_writer(tmp_path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    assert (tmp_path / LOCK).exists()
    with sole_writer(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_who_waits_writes_after_the_others(tmp_path: Path) -> None:
    inside: list[int] = []

    def write(number: int) -> None:
        with sole_writer(tmp_path, wait=True):
            inside.append(number)
            assert len(inside) == 1
            inside.pop()
            done.append(number)

    done: list[int] = []
    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1, 2, 3]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="cannot write to the folder"), sole_writer(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


def test_who_writes_is_told_without_waiting(tmp_path: Path) -> None:
    assert writer_of(tmp_path) is None
    with sole_writer(tmp_path):
        assert f"process {os.getpid()} on" in str(writer_of(tmp_path))
    assert writer_of(tmp_path) is None
    (tmp_path / LOCK).write_text("process 1 on another machine")  # left by a kill
    assert writer_of(tmp_path) is None


def test_a_file_has_one_writer_and_its_neighbour_another(tmp_path: Path) -> None:
    with (
        sole_writer_of(tmp_path / "a"),
        sole_writer_of(tmp_path / "b"),
        pytest.raises(OutputError, match=r"/a is being written by process"),
        sole_writer_of(tmp_path / "a"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
