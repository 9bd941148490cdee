"""A study on disk, and its page in a thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from scalingar.bench.study.study import PICTURES, STUDY, Study
from scalingar.serve.study.start import StudyServer


def write_study(folder: Path, made: Study) -> Path:
    """Pictures of one colour each."""
    (folder / PICTURES).mkdir(parents=True)
    (folder / STUDY).write_text(made.model_dump_json())
    for number, name in enumerate(sorted(made.pictures)):
        Image.new("RGB", (8, 8), (9 * number, 80, 120)).save(folder / PICTURES / f"{name}.png")
    return folder


@contextmanager
def shown(folder: Path, key: str | None = None) -> Iterator[StudyServer]:
    """The server of a study until the block ends."""
    server = StudyServer(folder, host="127.0.0.1", port=0, key=key)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        while thread.is_alive() and (server._uvicorn is None or not server._uvicorn.started):
            time.sleep(0.01)
        server.stop()
        thread.join(30)
        assert not thread.is_alive()
