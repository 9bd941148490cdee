"""What a request may hold."""

import json
from typing import Any

import pytest

from scalingar.serve.errors import ApiError
from scalingar.serve.protocol import CANNOT, ImagesRequest, event, usage


def read(**fields: Any) -> ImagesRequest:
    return ImagesRequest.read(json.dumps({"prompt": "a dog", **fields}).encode())


@pytest.mark.parametrize(
    ("quality", "count"),
    [("low", 1), ("medium", 2), ("high", 4), ("xhigh", 8), ("max", 16), ("auto", None), (None, None)],
)
def test_quality_is_a_number_of_trajectories(quality: str | None, count: int | None) -> None:
    assert read(quality=quality).trajectories == count


def test_what_clients_send() -> None:
    asked = read(
        model="tiny", n=2, size="auto", background="auto", output_format="webp", output_compression=80,
        response_format="b64_json", moderation="low", user="me", stream=False, partial_images=0,
    )  # fmt: skip
    assert (asked.n, asked.format, asked.output_compression) == (2, "webp", 80)
    assert read(num_trajectories=3, quality="auto").trajectories == 3


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"qualty": "low"}, "qualty", "qualty is no field of a request; did you mean 'quality'?"),
        ({"quality": "hd"}, "quality", "quality='hd': must be 'auto', 'low'"),
        ({"n": 0}, "n", "n=0: must be >= 1"),
        ({"n": "2"}, "n", "n='2': must be a valid integer"),
        ({"n": True}, "n", "n=True: must be a valid integer"),
        ({"prompt": 3}, "prompt", "prompt=3: must be a valid string"),
        ({"prompt": ""}, "prompt", "at least 1 character"),
        ({"response_format": "url"}, "response_format", "must be 'b64_json'"),
        ({"output_format": "gif"}, "output_format", "must be 'png', 'webp' or 'jpeg'"),
        ({"background": "transparent"}, "background", "must be 'auto' or 'opaque'"),
        ({"output_compression": 101, "output_format": "jpeg"}, "output_compression", "must be <= 100"),
        ({"output_compression": 50}, "output_compression", "png is compressed without loss"),
        ({"partial_images": 2}, "partial_images", "set stream to true"),
        ({"partial_images": 4, "stream": True}, "partial_images", "must be <= 3"),
        ({"stream": True, "n": 2}, "n", "a stream is of one image"),
        ({"quality": "low", "num_trajectories": 2}, "num_trajectories", "leave one of them out"),
        ({"seed": -1}, "seed", "seed=-1: must be >= 0"),
        ({"guidance_scale": "high"}, "guidance_scale", "must be a valid number"),
    ],
)
def test_what_cannot_be_is_told(fields: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(ApiError) as told:
        read(**fields)
    assert (told.value.status, told.value.param) == (400, param)
    assert message in told.value.message
    assert told.value.headers == {"x-should-retry": "false"}


@pytest.mark.parametrize("name", CANNOT)
def test_fields_of_others_say_what_to_do(name: str) -> None:
    with pytest.raises(ApiError) as told:
        read(**{name: "low"})
    assert told.value.body["error"]["code"] == "unsupported_parameter"
    assert told.value.message.startswith(f"{name}: ")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"prompt": NaN}', b'{"a": 1, "a": 1}'])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(ApiError) as told:
        ImagesRequest.read(body)
    assert told.value.body["error"] == {
        "message": told.value.message, "type": "invalid_request_error", "param": None, "code": "invalid_json"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"prompt": "a", "prompt": "b"}', "the key 'prompt' is there twice"),
        (rb'{"prompt": "\ud800"}', "it holds half a character"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "it holds a number of too many digits"),
        (b'{"prompt": NaN}', "NaN is no number of JSON"),
        (b"\xff", "it is no UTF-8 text (byte 0)"),
        (b'{"' + b"x" * 5000 + b'": 1, "' + b"x" * 5000 + b'": 1}', f"the key '{'x' * 60}' is there twice"),
    ],
)
def test_why_a_body_is_no_json(body: bytes, why: str) -> None:
    with pytest.raises(ApiError) as told:
        ImagesRequest.read(body)
    assert told.value.message == f"the body is no JSON ({why})."


def test_a_missing_prompt() -> None:
    with pytest.raises(ApiError, match="prompt is missing"):
        ImagesRequest.read(b"{}")


def test_tokens_add_up() -> None:
    assert usage(8, 100)["total_tokens"] == 108


def test_an_event_is_one_line_of_data() -> None:
    name, data, *rest = event("error", {"message": "two\nlines"}).split(b"\n")
    assert (name, rest) == (b"event: error", [b"", b""])
    assert json.loads(data.removeprefix(b"data: ")) == {"message": "two\nlines"}
