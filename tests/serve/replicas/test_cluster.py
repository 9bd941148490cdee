"""One replica of the tiny model under Ray Serve, on a cluster of this machine: asked, killed, and asked again."""

import base64
import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from openai import OpenAI
from PIL import Image

from scalingar.core.device.threads import torch_threads
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.serve.replicas.ray_serve import ReplicaSettings, replicas
from scalingar.serve.start import ServerSettings
from speed.replicas import replica_processes
from tests.tiny.package import save_tiny_package

PROMPT = "a photo of a dog"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def client(package: Path) -> Iterator[OpenAI]:
    recipe = Recipe.from_dict({"model": str(package), "strategy": {"name": "best-of-n", "reward": "log-likelihood"}})
    with replicas(recipe, ServerSettings(port=0), ReplicaSettings(replicas=1)) as url:
        yield OpenAI(base_url=url, api_key="none", max_retries=10)


def drawn(client: OpenAI) -> bytes:
    answer = client.images.generate(prompt=PROMPT, quality="low", extra_body={"seed": 5})
    assert answer.data is not None
    encoded = answer.data[0].b64_json
    assert encoded is not None
    return base64.b64decode(encoded)


def test_a_killed_replica_is_replaced_and_its_successor_draws_the_same_picture(client: OpenAI, package: Path) -> None:
    first = drawn(client)
    with torch_threads(1):  # as many as ray gives a replica of one CPU
        alone = ImagePipeline.from_pretrained(package)(PROMPT, strategy="best-of-n", num_trajectories=1, seed=5)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(first))), np.asarray(alone.images[0]))
    killed = replica_processes()
    assert len(killed) == 1
    os.kill(killed[0], signal.SIGKILL)
    assert drawn(client) == first
    assert replica_processes() not in ([], killed)
