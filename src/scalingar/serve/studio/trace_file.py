"""Reading a ``trace.json``: what ``scalingar generate`` left of images, as results again."""

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scalingar.core.errors import OutputError
from scalingar.core.outputs import Candidate, Cut, PromptResult
from scalingar.core.text_file import parse_json
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.serve.studio.moment import Course

MOST_CANDIDATES, MOST_IMAGES = 512, 64
Place = Annotated[int, Field(ge=0, lt=2**31)]
Code = Annotated[int, Field(ge=0, lt=2**31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Cut(_Part):
    step: Place
    reason: str


class _Candidate(_Part):
    index: Place
    codes: list[Code] | list[list[Code]]
    cut: _Cut | None
    parent: Place | None
    born: Place
    drawn: Place
    rewards: dict[str, float | None]
    trace: dict[str, list[float | None]]

    def read(self, prompt: str, groups: int) -> Candidate:
        """As it was in the run; its picture is made of its codes, ``groups`` of a token or 0 for one without groups."""
        known = {name: np.array(values, np.float32) for name, values in self.trace.items()}  # None becomes NaN
        codes = torch.tensor(self.codes, dtype=torch.long)
        if groups and not codes.numel():
            codes = codes.reshape(0, groups)
        return Candidate(
            prompt=prompt,
            index=self.index,
            codes=codes,
            cut=None if self.cut is None else Cut(self.cut.step, self.cut.reason),
            signals={},
            trace=known,
            rewards={name: value for name, value in self.rewards.items() if value is not None},
            parent=self.parent,
            born=self.born,
            inherited=len(codes) - self.drawn,
        )


class _Image(_Part):
    prompt: str
    second_prompt: str | None = None
    seed: int = Field(ge=0)
    chosen: Place
    candidates: list[_Candidate] = Field(min_length=1, max_length=MOST_CANDIDATES)


class _Trace(_Part):
    weights: dict[str, str]
    images: list[_Image] = Field(min_length=1, max_length=MOST_IMAGES)


def read_trace(text: str, pipe: ImagePipeline, name: str) -> list[PromptResult]:
    """The results in a trace; ``name``: of the file, for messages.

    Raises:
        OutputError: it is no trace, or one of another model than the served one, whose codes these pictures need.
    """
    try:
        trace = _Trace.model_validate(parse_json(text))
    except (ValueError, ValidationError):
        raise OutputError(f"{name} is no trace; open the trace.json of 'scalingar generate' or of this page.") from None
    if trace.weights != pipe.hashes:
        raise OutputError(f"{name} was made with other weights than the model that is served here, {pipe.name}.")
    return [_result(image, pipe, name) for image in trace.images]


def _result(image: _Image, pipe: ImagePipeline, name: str) -> PromptResult:
    groups = pipe.decoder().groups
    candidates = [one.read(image.prompt, groups) for one in image.candidates]
    by_index = {candidate.index: candidate for candidate in candidates}
    complete = by_index.get(image.chosen)
    fits = (
        list(by_index) == list(range(len(candidates)))
        and complete is not None
        and complete.cut is None
        and all(_fits(candidate, pipe) for candidate in candidates)
    )
    if not fits:
        raise OutputError(f"{name} is damaged: its codes and steps do not belong to one run of {pipe.name}.")
    return PromptResult(image.prompt, image.seed, candidates, image.chosen, second_prompt=image.second_prompt)


def _fits(candidate: Candidate, pipe: ImagePipeline) -> bool:
    """Whether codes, cut and values are those of a trajectory of this model."""
    course, decoder = Course.of(pipe), pipe.decoder()
    steps = course.total
    tail: tuple[int, ...] = (decoder.groups,) if decoder.groups else ()
    done = steps if candidate.cut is None else candidate.cut.step
    codes: Any = candidate.codes
    return (
        done <= steps
        and tuple(codes.shape) == (course.tokens_until(done), *tail)
        and bool((codes < decoder.vocab_size).all())
        and candidate.born <= done
        and 0 <= candidate.inherited <= len(codes)
        and "C" in candidate.trace
        and all(len(values) <= steps for values in candidate.trace.values())
    )
