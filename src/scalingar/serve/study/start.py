"""Starting the page of a study."""

from pathlib import Path

import uvicorn

from scalingar.bench.study.answers import ANSWERS, AnswerStore
from scalingar.bench.study.study import Study
from scalingar.core.locks import sole_writer
from scalingar.serve.auth import Door, check_exposure, read_key
from scalingar.serve.start import listening
from scalingar.serve.study.app import build_app


class StudyServer:
    """A study's page with its socket; ``url``: where a browser finds it."""

    def __init__(self, folder: Path, *, host: str, port: int, key: str | None = None, no_auth: bool = False) -> None:
        """Raises ConfigError: others could reach it without a key, or the address is taken; BenchmarkError: there is no
        study, or not all of it; OutputError: its answers are damaged.
        """
        check_exposure(host, key, no_auth=no_auth)
        self.folder, self.study = folder, Study.read(folder)
        self.study.check_pictures(folder)
        if (folder / ANSWERS).exists():
            AnswerStore(folder, self.study).close()
        self.door = Door(key, no_auth=no_auth)
        self.socket = listening(host, port)
        name, taken = self.socket.getsockname()[:2]
        self.url = f"http://{f'[{name}]' if ':' in name else name}:{taken}/"
        self._uvicorn: uvicorn.Server | None = None

    def run(self) -> None:
        """Until the process is told to end, or :meth:`stop`. Raises OutputError: another process serves the study."""
        with self.socket, sole_writer(self.folder), AnswerStore(self.folder, self.study) as store:
            app = build_app(self.folder, self.study, store, self.door)
            self._uvicorn = uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False))
            self._uvicorn.run(sockets=[self.socket])

    def stop(self) -> None:
        """From any thread."""
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True


def serve(folder: Path, host: str, port: int, key_file: Path | None, *, no_auth: bool, check: bool) -> None:
    """Show a study until the process is told to end. ``check``: say where it would listen, and stop.

    Raises ScalingarError: a setting is wrong, the address is taken, or the folder holds no study.
    """
    key = read_key(key_file)
    server = StudyServer(folder, host=host, port=port, key=key, no_auth=no_auth)
    link = f"{server.url}#key=YOUR-KEY" if key is not None else server.url
    print(
        f"showing {folder}: {server.study.per_participant} questions for each participant, at {link}; Ctrl-C ends it",
        flush=True,
    )
    if check:
        server.socket.close()
    else:
        server.run()
