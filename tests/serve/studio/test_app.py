"""The page at / of the server: who may open it, what it gives away, and what it leaves as it was."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from scalingar.core.errors import ConfigError, PackageError
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.limits import Limits
from scalingar.serve.start import Server, ServerSettings
from scalingar.serve.studio.app import space, studio_page
from tests.serve.running import Running, running
from tests.serve.studio.made import live

KEY = "secret-of-the-house"


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch, running(patch, studio=True) as server:
        yield server


@pytest.fixture(scope="module")
def locked() -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALINGAR_API_KEY", KEY)
        with running(patch, key=KEY, studio=True) as server:
            yield server


def page(server: Running, path: str, **settings: object) -> httpx2.Response:
    root = server.server.url.removesuffix("/v1")
    return httpx2.request("GET", root + path, timeout=60, **settings)  # type: ignore[arg-type]


def test_the_page_beside_the_api(served: Running) -> None:
    shown = page(served, "/")
    assert shown.status_code == 200
    assert "scalingar studio" in shown.text
    assert served.http.get("/models").json()["data"][0]["id"] == "tiny"
    assert served.http.get("/nothing").json()["error"]["code"] == "not_found"
    assert page(served, "/v1/images/generations").status_code == 405
    assert page(served, "/health").json()["status"] == "ready"


def test_nothing_is_fetched_from_elsewhere(served: Running) -> None:
    theme = page(served, "/theme.css").text
    assert "@import" not in theme
    assert "fonts.googleapis" not in page(served, "/").text + theme


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_other_names_and_other_sites_are_refused(served: Running, headers: dict[str, str]) -> None:
    answer = page(served, "/config", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", [__file__, str(Path(__file__).parents[3] / "pyproject.toml"), "/etc/passwd", "../pyproject.toml"]
)
def test_no_file_of_the_server_is_handed_out(served: Running, path: str) -> None:
    assert page(served, f"/gradio_api/file={path}").status_code in (403, 404)


def test_with_a_key_one_logs_in(locked: Running) -> None:
    assert page(locked, "/config").status_code == 401
    assert page(locked, "/gradio_api/queue/data?session_hash=x").status_code == 401
    root = locked.server.url.removesuffix("/v1")
    with httpx2.Client(base_url=root, timeout=60) as visitor:
        assert visitor.post("/login", data={"username": "me", "password": "wrong"}).status_code == 400
        assert visitor.post("/login", data={"username": "me", "password": KEY}).status_code == 200
        assert visitor.get("/config").status_code == 200
        assert visitor.get("/v1/models").status_code == 401, "the API asks for the key itself"


def test_runs_need_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServerSettings.from_dict({"port": 0, "studio": False, "runs": str(tmp_path)})
    with pytest.raises(ConfigError, match="runs are shown by the studio; leave --runs or --no-studio out"):
        Server(Recipe(), settings)
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(PackageError, match=r"needs gradio, which is not installed; .*the extra studio of scalingar"):
        Server(Recipe(), ServerSettings.from_dict({"port": 0, "runs": str(tmp_path)}))


def test_a_space_is_the_same_page() -> None:
    page = space({"strategy": "single"}, max_trajectories=2)
    assert page.title == "scalingar studio"
    assert page.analytics_enabled is False


def test_the_environment_is_left_as_it_was() -> None:
    before = dict(os.environ)
    with live() as service:
        studio_page(service, Limits())
    assert dict(os.environ) == before


def test_the_command_line_does_not_wait_for_gradio() -> None:
    code = "import sys; import scalingar.cli.main, scalingar.serve.start; assert 'gradio' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
