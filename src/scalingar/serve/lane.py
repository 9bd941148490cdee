"""One live batch and the requests whose images are in it."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from torch import Tensor

from scalingar.core.errors import ScalingarError
from scalingar.core.notices.collected import collected
from scalingar.core.outputs import Ledger, PromptResult
from scalingar.models.prompts.encoders import UnknownWordsWarning
from scalingar.models.prompts.t5 import CaptionWarning
from scalingar.pipeline.orders import open_engine, order_of
from scalingar.pipeline.output import ImageOutput
from scalingar.rewards.judges.question_reward import UnansweredWarning, shown_prompt
from scalingar.rewards.verifiers import with_verifier
from scalingar.serve.errors import of_package
from scalingar.serve.job import Finished, Frame, Job, Kind, Partial
from scalingar.serve.metrics import Metrics
from scalingar.serve.offer import Offer
from scalingar.serve.pictures import without_path, without_paths
from scalingar.strategies.engine.engine import OpenEngine
from scalingar.strategies.engine.order import Order
from scalingar.strategies.strategy import LoneBranchWarning

_OF_REQUESTS = (UnknownWordsWarning, CaptionWarning, LoneBranchWarning)
"""What a request itself brings about; other warnings are the server's, and may name its files."""


class Lane:
    """Steps an engine for requests of one kind.

    ``closed``: told of every request that is over.
    """

    def __init__(self, offer: Offer, metrics: Metrics, closed: Callable[[Job], None], kind: Kind) -> None:
        self.offer, self.metrics, self.closed = offer, metrics, closed
        rows = offer.limits.max_rows
        self.engine: OpenEngine = open_engine(
            offer.pipe, offer.usual, self._encode, branches=kind.branches, states=kind.states, max_rows=rows
        )
        self.jobs: list[Job] = []
        self.whole = sum(height * width for height, width in offer.pipe.grids)
        """Tokens of a complete trajectory."""
        self._owners: dict[int, tuple[Job, Order]] = {}

    def add(self, job: Job) -> None:
        """Order all images of a request. Raises ScalingarError."""
        with collected(*_OF_REQUESTS) as told:
            for place in range(job.recipe.num_images_per_prompt):
                order = order_of(self.offer.pipe, job.recipe, job.prompt, job.seed + place)
                number = self.engine.submit(order)
                job.numbers.append(number)
                self._owners[number] = job, order
        job.warnings += told
        self.jobs.append(job)

    def holds_up(self, job: Job) -> bool:
        """Whether an image of the request waits for rows."""
        return not set(self.engine.waiting).isdisjoint(job.numbers)

    def drop(self, job: Job) -> None:
        """Give a request up; its rows are free at once."""
        for number in job.numbers:
            self.engine.cancel(number)
            self._owners.pop(number, None)
        if job in self.jobs:
            self.jobs.remove(job)
            self.closed(job)

    def step(self) -> None:
        """One step of all images, and what follows from it for their requests."""
        with collected(UnansweredWarning) as told:
            events = self.engine.step()
        waiting = set(self.engine.waiting)
        for job in self.jobs:
            job.warnings += [text for text in told if shown_prompt(job.prompt) in text]
            job.begun = job.begun or not waiting.issuperset(job.numbers)
        for event in events:
            owner = self._owners.get(event.prompt)
            if owner is None:
                continue
            if owner[0].wants_picture(event.position + 1, event.total_steps):
                self._show(event.prompt, *owner)
            if owner[0].wants_frame(event.total_steps):
                self._show_all(event.prompt, *owner, event.total_steps)
        outcomes, self.engine.outcomes = self.engine.outcomes, {}
        for number, outcome in outcomes.items():
            if number in self._owners:
                self._done(number, outcome)

    def _show(self, number: int, job: Job, order: Order) -> None:
        leading = self.engine.leading(number)
        if leading is not None:
            order.looks.decode([leading])
            assert leading.image is not None
            job.send(Partial(job.shown, leading.image))
            job.shown += 1

    def _show_all(self, number: int, job: Job, order: Order, total: int) -> None:
        """Send a frame. The candidates that the search may still look at are left without their pictures."""
        candidates = [replace(candidate) for candidate in self.engine.so_far(number)]
        if not candidates:  # the image is done; its result follows
            return
        for candidate in candidates:
            candidate.image = candidate.image or job.ended.get((number, candidate.index))
        order.looks.decode(candidates)
        for candidate in candidates:
            if candidate.image is not None and (candidate.cut is not None or candidate.tokens == self.whole):
                job.ended[number, candidate.index] = candidate.image
        position = max(len(candidate.trace["C"]) - (candidate.cut is not None) for candidate in candidates)
        job.send(Frame(candidates, position, total))

    def _done(self, number: int, outcome: PromptResult | ScalingarError) -> None:
        job, order = self._owners[number]
        if isinstance(outcome, ScalingarError):
            job.send(of_package(outcome))
            self.drop(job)
            return
        drawn = sum(candidate.drawn for candidate in outcome.candidates)
        started = [candidate for candidate in outcome.candidates if candidate.parent is None]
        self.metrics.tokens.inc(drawn)
        self.metrics.saved.inc(max(0, self.whole * len(started) - drawn))
        if job.candidates or job.frames:
            for candidate in outcome.candidates:
                candidate.image = candidate.image or job.ended.get((number, candidate.index))
            order.looks.decode([candidate for candidate in outcome.candidates if candidate.finished or job.frames])
        job.results[number] = outcome
        if len(job.results) == len(job.numbers):
            job.send(self._finished(job))
            self.drop(job)

    def _finished(self, job: Job) -> Finished:
        results = [job.results[number] for number in job.numbers]
        ledger = Ledger()
        for number in job.numbers:
            ledger.add(self._owners[number][1].looks.ledger)
        drawn = ledger.tokens = sum(candidate.drawn for result in results for candidate in result.candidates)
        recipes = without_paths(job.recipe).of_images([job.prompt], job.seed)
        weights = with_verifier(self.offer.pipe.hashes, self._owners[job.numbers[0]][1].looks.verifier)
        output = ImageOutput.of(self.offer.pipe, recipes, weights, "pil", results, ledger)
        told = [*job.warnings, *(text for result in results for text in _unread(result))]
        return Finished(output, drawn, job.prompt_tokens, list(dict.fromkeys(told)))

    def _encode(self, prompts: list[str]) -> Any:
        """The condition of prompts, whose tokens are counted for the requests that wait with them."""
        with collected(*_OF_REQUESTS) as told:
            inputs, mask = self.offer.pipe.encode_prompts(prompts)
        counts = dict(zip(prompts, _places(inputs, mask), strict=True))
        warned = self._by_prompt(counts, told)
        for job in self.jobs:
            job.prompt_tokens = job.prompt_tokens or counts.get(job.prompt, 0)
            job.warnings += warned.get(job.prompt, [])
        return self.offer.pipe.model.condition(inputs, mask)

    def _by_prompt(self, prompts: Collection[str], told: list[str]) -> dict[str, list[str]]:
        """Whose each warning is: nobody learns what others ask for."""
        if not told or len(prompts) == 1:
            return dict.fromkeys(prompts, told)
        warned: dict[str, list[str]] = {}
        for prompt in prompts:
            with collected(*_OF_REQUESTS) as warned[prompt]:
                self.offer.pipe.encode_prompts([prompt])
        return warned


def _unread(result: PromptResult) -> list[str]:
    """What rewards did not read of the prompt."""
    return [f"{without_path(name)} {cut.describe(result.prompt)}." for name, cut in result.truncated.items()]


def _places(inputs: Tensor, mask: Tensor | None) -> list[int]:
    """Places of each prompt's condition: those that the mask has, or all."""
    if mask is not None:
        return [int(count) for count in mask.sum(1)]
    return [inputs.shape[1] if inputs.ndim > 1 else 1] * len(inputs)
