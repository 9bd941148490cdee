"""``judge:MODEL``: a vision-language model behind an endpoint that speaks OpenAI's protocol, as a reward."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from PIL import Image

from scalingar.core.chat.abreast import abreast
from scalingar.core.chat.endpoint import ChatEndpoint, RejectedError, first_messages
from scalingar.core.chat.kept_records import KeptRecords, model_key, picture_key
from scalingar.core.chat.replies import parse_answers
from scalingar.core.chat.sent import note
from scalingar.core.errors import EndpointError
from scalingar.core.files import cache_folder
from scalingar.rewards.judges.judge_source import EndpointOptions
from scalingar.rewards.judges.question_reward import QuestionReward
from scalingar.rewards.judges.yes_share import first_chances, share_of_yes
from scalingar.rewards.reward import REWARDS

NAME = "judge"
SYSTEM = "You look at pictures carefully and answer questions about what they show."
PROMPT = "{question} Answer with one word, yes or no."
_TOP = 20
"""First words whose probabilities are asked for: the most that the protocol allows."""
_FIRST = 20
"""Questions without a single answer from which on a judge is no judge."""
_FIRST_WORD, _REPLIES = "first word", "replies"
"""The two ways to a probability of yes."""


@dataclass(frozen=True)
class _Answer:
    """``way``: in which this endpoint is to be asked from now on, None if the answer does not show it."""

    share: float | None
    requests: int
    how: str
    way: str | None


@REWARDS.register(NAME)
class EndpointJudge(QuestionReward):
    """judge:MODEL, at an endpoint: probability of yes to "Does this picture show …?", or to questions of a file.

    0 to 1, 0.5 undecided.

    Where the endpoint gives probabilities of words, P(yes) / (P(yes) + P(no)) of the first word at temperature 0; else
    the share of yes among several replies at temperature 1. The first answer decides which, for all pictures and later
    runs, since the two are on different scales; a picture whose own first word tells nothing is asked about in replies.
    Answers, and what was decided, are kept on disk, so that none is paid for twice.
    """

    def __init__(self, source: str | None, *, device: str | torch.device = "cpu", client: Any = None) -> None:
        """``source``: ``MODEL?option=value&…``. ``client``: an ``openai.OpenAI``. Raises ConfigError."""
        self.options = EndpointOptions.of(NAME, source)
        super().__init__(self.options.questions)
        self.endpoint = ChatEndpoint(self.options.model, self.options.base_url, self.options.timeout, client)
        """Where requests go."""
        self.kept = KeptRecords(self.options.cache or cache_folder("judged"))
        self._lock = Lock()
        self._deciding = Lock()
        self._way: str | None = None
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
        """Raises ConfigError without a key, the package openai or its questions. The endpoint is not asked yet."""
        super().prepare()
        _ = self.endpoint.client

    def yes(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[float | None]:
        """From the disk where the same was asked before. Raises EndpointError; answers so far are kept then."""
        told = abreast(lambda pair, stopped: self._one(*pair, stopped), pairs, self.options.parallel)
        note(sum(requests for _, requests in told))
        return [share for share, _ in told]

    def _one(self, image: Image.Image, question: str, stopped: Callable[[], bool]) -> tuple[float | None, int]:
        """The answer and the number of requests that it took."""
        if self._way is None:
            with self._deciding:  # one after the other, until an answer shows the way
                if self._way is None:
                    self._way = self._kept_way()
                if self._way is None:
                    return self._answered_in(None, image, question, stopped)
        return self._answered_in(self._way, image, question, stopped)

    def _answered_in(
        self, way: str | None, image: Image.Image, question: str, stopped: Callable[[], bool]
    ) -> tuple[float | None, int]:
        endpoint, prompt = self.endpoint, PROMPT.format(question=question)

        def key(way: str) -> str:
            told = {"model": endpoint.model, "base_url": endpoint.address, "samples": self.options.samples, "way": way}
            return picture_key(image, system=SYSTEM, prompt=prompt, **told)

        share = None if way is None else _kept_share(self.kept.get(key(way)))
        if share is not None:
            self._answered = True  # in an earlier run
            return share, 0
        try:
            answer = self._ask(endpoint, first_messages(image, prompt, SYSTEM), way, stopped)
        except EndpointError as error:
            raise EndpointError(
                f"{self.title}: {endpoint.name} cannot be asked: {error} Answers so far are kept; run again."
            ) from None
        if answer.share is not None and answer.way is not None:
            if way is None:
                self._decide(answer.way)
            record = {"yes": answer.share, "how": answer.how, "model": endpoint.model, "question": question}
            self.kept.put(key(answer.way), record)
        self._note(answer.share)
        return answer.share, answer.requests

    def _ask(
        self, endpoint: ChatEndpoint, messages: list[dict[str, Any]], way: str | None, stopped: Callable[[], bool]
    ) -> _Answer:
        """``way``: None: both are tried. Raises EndpointError."""
        requests = 0
        if way != _REPLIES:
            requests += 1
            _check_wanted(stopped)
            try:
                reply = endpoint.ask(messages, temperature=0, logprobs=True, top_logprobs=_TOP)
            except RejectedError:  # perhaps of the probabilities; if of something else, the next request says so
                way = way or _REPLIES
            else:
                if reply.text is not None and reply.completion is None:
                    return _Answer(None, requests, "refused", way)
                chances = first_chances(reply.completion)
                share = None if chances is None else share_of_yes(chances)
                if share is not None:
                    return _Answer(share, requests, _FIRST_WORD, _FIRST_WORD)
                if chances is not None:
                    way = _FIRST_WORD
                elif reply.text:
                    way = way or _REPLIES
        replies = []
        for _ in range(self.options.samples):
            _check_wanted(stopped)
            replies.append(endpoint.ask(messages, temperature=1))
        requests += len(replies)
        texts = [reply.text for reply in replies if reply.text is not None]
        if not texts:
            raise EndpointError(
                f"it sent no completion in {len(replies)} attempts; check that its address ends in /v1."
            )
        answers = [answer[0] for text in texts if (answer := parse_answers(text, 1)) is not None]
        share = sum(answers) / len(answers) if answers else None
        return _Answer(share, requests, f"{len(answers)} {_REPLIES}", way)

    def _way_key(self) -> str:
        return model_key(model=self.endpoint.model, base_url=self.endpoint.address, asked="way")

    def _kept_way(self) -> str | None:
        record = self.kept.get(self._way_key())
        way = None if record is None else record.get("way")
        return way if way in (_FIRST_WORD, _REPLIES) else None

    def _decide(self, way: str) -> None:
        self.kept.put(self._way_key(), {"way": way, "model": self.endpoint.model})
        self._way = way

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


def _check_wanted(stopped: Callable[[], bool]) -> None:
    """Raises EndpointError, which nobody hears, once nobody waits for the answer."""
    if stopped():
        raise EndpointError("it was stopped.")
