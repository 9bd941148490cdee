"""Replay takes what a visitor uploads, and nothing that lies on the server or elsewhere."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from scalingar.pipeline.run_folder import run_dict
from scalingar.serve.studio.app import LARGEST_UPLOAD
from tests.serve.running import running
from tests.serve.studio.made import PROMPT
from tests.tiny.pipes import tiny_pipe


class Visitor:
    """Speaks to the page as its scripts do."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        config = http.get("/config").json()
        (file,) = (one["id"] for one in config["components"] if one["type"] == "file")
        ids = {one["props"].get("elem_id"): one["id"] for one in config["components"]}
        events = {field: one for one in config["dependencies"] for field in one["inputs"]}
        self.fields = {"file": file, "prompt": ids["prompt"], "strategy": ids["strategy"], "count": ids["count"]}
        self.events = {name: events[field] for name, field in self.fields.items()}
        opened = next(one for one in config["dependencies"] if ("load",) in [(what,) for _, what in one["targets"]])
        http.post("/gradio_api/run/predict", json={"data": [], "fn_index": opened["id"], "session_hash": "visitor"})

    def upload(self, name: str, content: bytes) -> httpx2.Response:
        return self.http.post("/gradio_api/upload", files={"files": (name, content)})

    def open(self, path: str, field: str = "file") -> str:
        """What the page's scripts are told after they asked to open a file at ``path``, in this field."""
        file = {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": Path(path).name}
        event = self.events[field]
        data = [file if one == self.fields[field] else None for one in event["inputs"]]
        asked = {"data": data, "fn_index": event["id"], "session_hash": "visitor"}
        assert self.http.post("/gradio_api/queue/join", json=asked).status_code == 200
        told = []
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": "visitor"}) as stream:
            for line in stream.iter_lines():
                told.append(line)
                if '"process_completed"' in line:
                    break
        return "\n".join(told)


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    with (
        pytest.MonkeyPatch.context() as patch,
        running(patch, studio=True) as server,
        httpx2.Client(base_url=server.page.rstrip("/"), timeout=60) as http,
    ):
        yield Visitor(http)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tiny_pipe()(PROMPT, strategy="single", seed=5)
    path = tmp_path_factory.mktemp("private") / "trace.json"
    path.write_text(json.dumps(run_dict(output, steps=True)))
    return path


def test_an_upload_is_opened(visitor: Visitor, trace: Path) -> None:
    (path,) = visitor.upload("trace.json", trace.read_bytes()).json()
    assert "trace.json: a red cat" in visitor.open(path)


@pytest.mark.parametrize("field", ["file", "prompt", "strategy", "count"])
def test_a_file_of_the_server_is_not(visitor: Visitor, trace: Path, field: str) -> None:
    told = visitor.open(str(trace), field)
    assert PROMPT not in told
    assert "/gradio/" not in told, "no copy of it was made"
    assert '"success":false' in told.replace(" ", "")


@pytest.mark.parametrize("field", ["file", "prompt", "strategy", "count"])
def test_neither_is_an_address(visitor: Visitor, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("something was fetched")

    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_download", fetched)
    told = visitor.open("https://example.org/trace.json", field)
    assert "fetched" not in told
    assert '"success":false' in told.replace(" ", "")


def test_a_name_leads_nowhere_else_and_too_much_is_refused(visitor: Visitor) -> None:
    (path,) = visitor.upload("../../../evil.json", b"{}").json()
    assert Path(path).name == "evil.json"
    assert len(Path(path).parent.name) == 64, "a folder of its own"
    assert visitor.upload("x.json", b" " * (LARGEST_UPLOAD + 1)).status_code == 413
