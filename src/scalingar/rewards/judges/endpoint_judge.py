"""``judge:MODEL``: a vision-language model behind an endpoint that speaks OpenAI's protocol, as a reward."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import torch
from PIL import Image

from scalingar.core.chat.endpoint import ChatEndpoint, RejectedError, first_messages
from scalingar.core.chat.kept_records import KeptRecords, picture_key
from scalingar.core.chat.replies import parse_answers
from scalingar.core.errors import EndpointError
from scalingar.core.files import cache_folder
from scalingar.rewards.judges.judge_source import EndpointOptions
from scalingar.rewards.judges.question_reward import QuestionReward
from scalingar.rewards.judges.questions import Questions
from scalingar.rewards.judges.yes_share import first_chances, share_of_yes
from scalingar.rewards.reward import REWARDS

NAME = "judge"
SYSTEM = "You look at pictures carefully and answer questions about what they show."
PROMPT = "{question} Answer with one word, yes or no."
_TOP = 20
"""First words whose probabilities are asked for: the most that the protocol allows."""
_FIRST = 20
"""Questions without a single answer from which on a judge is no judge."""


@REWARDS.register(NAME)
class EndpointJudge(QuestionReward):
    """Probability of yes to "Does this picture show …?", or the mean over questions of a file; 0 to 1, 0.5 undecided.

    Where the endpoint gives probabilities of words, P(yes) / (P(yes) + P(no)) of the first word at temperature 0; else
    the share of yes among several replies at temperature 1. Answers are kept on disk, so that none is paid for twice.
    """

    def __init__(self, source: str | None, *, device: str | torch.device = "cpu", client: Any = None) -> None:
        """``source``: ``MODEL?option=value&…``. ``client``: an ``openai.OpenAI``. Raises ConfigError."""
        self.options = EndpointOptions.of(NAME, source)
        super().__init__(Questions.read(self.options.questions))
        self.client = client
        self.kept = KeptRecords(self.options.cache or cache_folder("judged"))
        self._endpoint: ChatEndpoint | None = None
        self._lock = Lock()
        self._words_are_weighed = True
        self._asked, self._answered = 0, False

    @staticmethod
    def check(source: str | None) -> None:
        """Raises ConfigError for a source that cannot be one. No file is looked at: a name may come from anybody."""
        EndpointOptions.of(NAME, source)

    @staticmethod
    def eyes(source: str | None) -> frozenset[str]:
        """The model that looks."""
        return frozenset({f"the model {EndpointOptions.of(NAME, source).model}"})

    def prepare(self) -> None:
        """Raises ConfigError without a key or the package openai. The endpoint is not asked yet."""
        _ = self.endpoint

    @property
    def endpoint(self) -> ChatEndpoint:
        """Where requests go."""
        with self._lock:
            if self._endpoint is None:
                options = self.options
                self._endpoint = ChatEndpoint(options.model, options.base_url, options.timeout, self.client)
            return self._endpoint

    def yes(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[float | None]:
        """From the disk where the same was asked before. Raises EndpointError; answers so far are kept then."""
        with ThreadPoolExecutor(self.options.parallel, "judge") as pool:
            asked = [pool.submit(self._one, image, question) for image, question in pairs]
            try:
                told = [future.result() for future in asked]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.count(sum(requests for _, requests in told))
        return [share for share, _ in told]

    def _one(self, image: Image.Image, question: str) -> tuple[float | None, int]:
        """The answer and the number of requests that it took."""
        endpoint, prompt = self.endpoint, PROMPT.format(question=question)
        told = {"model": endpoint.model, "base_url": endpoint.address, "samples": self.options.samples}
        key = picture_key(image, system=SYSTEM, prompt=prompt, **told)
        share = _kept_share(self.kept.get(key))
        if share is not None:
            return share, 0
        messages = first_messages(image, prompt, SYSTEM)
        try:
            share, requests, how = self._ask(endpoint, messages)
        except EndpointError as error:
            raise EndpointError(
                f"{self.title}: {endpoint.name} cannot be asked: {error} Answers so far are kept; run again."
            ) from None
        if share is not None:
            self.kept.put(key, {"yes": share, "how": how, "model": endpoint.model, "question": question})
        self._note(share)
        return share, requests

    def _ask(self, endpoint: ChatEndpoint, messages: list[dict[str, Any]]) -> tuple[float | None, int, str]:
        """The share of yes, the requests it took, and how it was found. Raises EndpointError."""
        requests = 0
        if self._words_are_weighed:
            requests += 1
            try:
                reply = endpoint.ask(messages, temperature=0, logprobs=True, top_logprobs=_TOP)
            except RejectedError:  # perhaps of the probabilities; if of something else, the next request says so
                self._words_are_weighed = False
            else:
                if reply.text is not None and reply.completion is None:
                    return None, requests, "refused"
                chances = first_chances(reply.completion)
                share = None if chances is None else share_of_yes(chances)
                if share is not None:
                    return share, requests, "first word"
                if chances is None and reply.text:
                    self._words_are_weighed = False
        replies = [endpoint.ask(messages, temperature=1) for _ in range(self.options.samples)]
        requests += len(replies)
        texts = [reply.text for reply in replies if reply.text is not None]
        if not texts:
            raise EndpointError(
                f"it sent no completion in {len(replies)} attempts; check that its address ends in /v1."
            )
        answers = [answer[0] for text in texts if (answer := parse_answers(text, 1)) is not None]
        return (sum(answers) / len(answers) if answers else None), requests, f"{len(answers)} replies"

    def _note(self, share: float | None) -> None:
        """Raises EndpointError if there was no answer to any of the first questions."""
        with self._lock:
            self._asked += 1
            self._answered |= share is not None
            if self._asked >= _FIRST and not self._answered:
                raise EndpointError(
                    f"{self.title} got no answer to any of the first {_FIRST} questions; choose another model."
                )


def _kept_share(record: dict[str, Any] | None) -> float | None:
    share = None if record is None else record.get("yes")
    return float(share) if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1 else None
