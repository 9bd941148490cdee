"""What a request for images may hold, and the answers: OpenAI's images API, and the fields that this server adds."""

import json
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scalingar.core.registry import suggestion
from scalingar.core.text_file import decoded, parse_json
from scalingar.core.validation import sentence
from scalingar.serve.errors import ApiError

Quality = Literal["auto", "low", "medium", "high", "xhigh", "max"]
TRAJECTORIES: dict[str, int] = {"low": 1, "medium": 2, "high": 4, "xhigh": 8, "max": 16}
"""N of a quality; auto is the server's own."""
PICTURES = Literal["png", "webp", "jpeg"]

CANNOT = {
    "complexity": "nothing is planned before drawing; say with quality or num_trajectories how much to search",
    "style": "the model has no styles; say it in the prompt",
    "frame_count": "animations are not drawn; leave it out",
    "frame_duration_ms": "animations are not drawn; leave it out",
    "svg": "vector graphics are not drawn; leave it out",
    "image": "pictures are not edited; leave it out",
    "mask": "pictures are not edited; leave it out",
    "input_fidelity": "pictures are not edited; leave it out",
    "negative_prompt": "the model has none; leave it out",
    "num_inference_steps": "an image has as many steps as codes or scales; num_trajectories says how much is searched",
}
"""Fields of OpenAI's API and of other servers that mean nothing here, and what to do."""


class ImagesRequest(BaseModel):
    """The body of ``POST /v1/images/generations``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    prompt: str = Field(min_length=1, description="what the image shows")
    model: str | None = Field(None, description="the served model's name, as /v1/models gives it")
    n: int | None = Field(None, ge=1, description="images; image j has the seed + j")
    size: str | None = Field(None, description="auto, or the model's own, WIDTHxHEIGHT")
    quality: Quality | None = Field(None, description="N = 1, 2, 4, 8 or 16 trajectories; auto: the server's own")
    background: Literal["auto", "opaque"] | None = Field(None, description="pictures are opaque")
    output_format: PICTURES | None = Field(None, description="png holds the recipe, too")
    output_compression: int | None = Field(None, ge=0, le=100, description="quality of webp and jpeg; 100 is best")
    response_format: Literal["b64_json"] | None = Field(None, description="pictures come in the answer")
    stream: bool | None = Field(None, description="answer with server-sent events")
    partial_images: int | None = Field(None, ge=0, le=3, description="pictures before the last one, in a stream")
    moderation: Literal["auto", "low"] | None = Field(None, description="nothing is moderated")
    user: str | None = Field(None, max_length=512, description="not used")
    safety_identifier: str | None = Field(None, max_length=512, description="not used")
    strategy: str | dict[str, Any] | None = Field(None, description="a name, or settings with a name as in a recipe")
    num_trajectories: int | None = Field(None, ge=1, description="N, in place of quality")
    seed: int | None = Field(None, ge=0, lt=2**63, description="keys the noise; drawn by the server if None")
    guidance_scale: float | None = Field(None, description="s_base; 1 turns guidance off")
    sampling: dict[str, Any] | None = Field(None, description="temperature, top_k, top_p, greedy, guidance_interval")
    return_candidates: bool | None = Field(None, description="tell of every trajectory, with its picture if finished")

    @classmethod
    def read(cls, body: bytes) -> "ImagesRequest":
        """From a request's body. Raises ApiError."""
        data = json_of(body)
        if not isinstance(data, dict):
            raise ApiError(400, 'the body must be a JSON object such as {"prompt": ...}.', code="invalid_json")
        for name in data:
            if name not in cls.model_fields:
                raise _unknown(name)
        try:
            asked = cls.model_validate(data)
        except ValidationError as error:
            details = error.errors()[0]
            param = str(details["loc"][0])
            raise ApiError(400, f"{sentence(error, cls)}.", param=param, code="invalid_value") from None
        asked.check()
        return asked

    def check(self) -> None:
        """Raises ApiError for fields that do not go together."""
        if self.partial_images and not self.stream:
            raise ApiError(400, "partial_images come in a stream; set stream to true.", param="partial_images")
        if self.stream and (self.n or 1) > 1:
            raise ApiError(400, f"n is {self.n}; a stream is of one image.", param="n", code="invalid_value")
        if self.num_trajectories is not None and self.quality not in (None, "auto"):
            raise ApiError(
                400,
                f"quality={self.quality} means {TRAJECTORIES[self.quality]} trajectories and num_trajectories is "
                f"{self.num_trajectories}; leave one of them out.",
                param="num_trajectories",
            )
        if self.output_compression not in (None, 100) and self.format == "png":
            raise ApiError(
                400,
                "png is compressed without loss; output_compression is of webp and jpeg.",
                param="output_compression",
            )

    @property
    def format(self) -> str:
        """Of the pictures."""
        return self.output_format or "png"

    @property
    def trajectories(self) -> int | None:
        """N, if the request says it."""
        return self.num_trajectories or TRAJECTORIES.get(self.quality or "auto")


def _unknown(name: str) -> ApiError:
    if name in CANNOT:
        return ApiError(400, f"{name}: {CANNOT[name]}.", param=name, code="unsupported_parameter")
    told = suggestion(name, list(ImagesRequest.model_fields))
    return ApiError(400, f"{name[:60]} is no field of a request{told}", param=name[:60], code="unknown_parameter")


def json_of(body: bytes) -> Any:
    """The value of a request's body. Raises ApiError, which says why it is none."""
    try:
        return parse_json(decoded(body))
    except ValueError as error:
        raise ApiError(400, f"the body is no JSON ({error}).", code="invalid_json") from None


ANSWER: dict[str, Any] = {
    "title": "ImagesAnswer",
    "type": "object",
    "required": ["created", "data", "usage", "warnings"],
    "properties": {
        "created": {"type": "integer", "description": "seconds since 1970"},
        "background": {"type": "string"},
        "output_format": {"type": "string"},
        "quality": {"type": "string"},
        "size": {"type": "string"},
        "data": {
            "type": "array",
            "description": "an image each: b64_json, its seed, and with return_candidates every trajectory",
            "items": {"type": "object"},
        },
        "usage": {"type": "object", "description": "tokens of the prompt and of all trajectories"},
        "warnings": {
            "type": "array",
            "description": "sentences on what was read or drawn otherwise than it was asked for",
            "items": {"type": "string"},
        },
    },
}
"""The schema of an answer without a stream."""


def usage(prompt_tokens: int, drawn: int) -> dict[str, Any]:
    """``drawn``: tokens of all trajectories, those that were cut included."""
    return {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"text_tokens": prompt_tokens, "image_tokens": 0},
        "output_tokens": drawn,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": drawn},
        "total_tokens": prompt_tokens + drawn,
    }


def described(asked: ImagesRequest, size: str) -> dict[str, Any]:
    """What every answer says about its pictures."""
    told: dict[str, Any] = {
        "background": "opaque",
        "output_format": asked.format,
        "quality": asked.quality or "auto",
        "size": size,
    }
    identifier = asked.safety_identifier or asked.user
    return told if not identifier else {**told, "safety_identifier": identifier}


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


def event(kind: str, data: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
