"""A vision-language model behind any endpoint that speaks OpenAI's chat protocol: OpenAI itself, vLLM, and others."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from scalingar.bench.judges.questions.answer_cache import AnswerCache
from scalingar.bench.judges.questions.question_judge import JUDGES, Answers, JudgeSettings, UnansweredError
from scalingar.bench.judges.questions.wording import COUNT, Wording
from scalingar.core.chat.endpoint import ChatEndpoint, first_messages
from scalingar.core.chat.kept_records import picture_key
from scalingar.core.chat.replies import parse_answers
from scalingar.core.errors import BenchmarkError, EndpointError
from scalingar.core.files import cache_folder

SYSTEM = "You examine images carefully and answer questions about what they show."
TEMPLATE = (
    "Answer each of these {count} questions about the image with yes or no. "
    "Write one answer per line, in the order of the questions, and nothing else.\n\n{questions}"
)
REMINDER = "Your last reply could not be read. Reply with exactly {count} lines, each of them only yes or no."
WORDING = Wording(system=SYSTEM, templates=(TEMPLATE,), reminder=REMINDER)
_FIRST = 20
"""Images without a single answer from which on a judge is no judge."""


@JUDGES.register("openai-compatible")
class OpenAICompatibleJudge:
    """Asks all questions about an image in one call, in one wording, and keeps the answers."""

    def __init__(self, settings: JudgeSettings, client: Any = None) -> None:
        """``client``: an ``openai.OpenAI``; None: a new one for the settings' endpoint."""
        self.settings = settings
        self.endpoint = ChatEndpoint(settings.model, settings.base_url, settings.timeout, client)
        self.wording = settings.wording or WORDING
        self.cache = AnswerCache(settings.cache or cache_folder("answers"))
        self._answered, self._unanswered = False, 0

    @property
    def name(self) -> str:
        """Model, endpoint and temperature."""
        return f"{self.endpoint.name}, temperature {self.settings.temperature:g}"

    def prepare(self) -> None:
        """Raises ConfigError without a key or the package openai. The endpoint is not asked yet."""
        _ = self.endpoint.client

    def __call__(self, image: Image.Image, questions: Sequence[str]) -> Answers:
        """Answers, from the cache if the same was asked before. Raises UnansweredError, BenchmarkError."""
        # At random, yet the same for the same image and questions, so that a resumed run asks nothing twice.
        number = int(picture_key(image, questions=list(questions)), 16) if len(self.wording.templates) > 1 else 0
        prompt = self.wording.prompt(number, questions)
        key = picture_key(
            image,
            system=self.wording.system,
            prompt=prompt,
            model=self.settings.model,
            base_url=self.endpoint.address,
            temperature=self.settings.temperature,
        )
        answers = self.cache.get(key)
        # Replies that were kept are read anew: what counts as an answer may have changed.
        if answers is None or answers.yes != parse_answers(answers.text, len(questions)):
            answers = self._ask(image, questions, number)
            self.cache.put(key, answers)
        self._answered = True
        return answers

    def _ask(self, image: Image.Image, questions: Sequence[str], number: int) -> Answers:
        """Answers to template ``number``; where there is no reminder, the next templates follow it."""
        count = len(questions)
        text: str | None = None
        messages = self._first_messages(image, questions, number)
        for attempt in range(self.settings.attempts):
            text, model = self._reply(messages)
            if text is None:
                continue
            if (yes := parse_answers(text, count)) is not None:
                return Answers(yes, model, text)
            if self.wording.reminder is None:
                messages = self._first_messages(image, questions, number + attempt + 1)
            else:
                reminder = self.wording.reminder.replace(COUNT, str(count))
                messages = [*messages, {"role": "assistant", "content": text}, {"role": "user", "content": reminder}]
        if text is None:
            raise BenchmarkError(
                f"{self.name} sent no completion in {self.settings.attempts} attempts; check that its address is that "
                "of a server with OpenAI's protocol, ending in /v1. Answers so far are kept; run again."
            )
        self._unanswered += 1
        if self._unanswered >= _FIRST and not self._answered:
            raise BenchmarkError(
                f"{self.name} gave no answer to any of the first {_FIRST} images; its last reply begins "
                f"{self.endpoint.shown(text)!r}. Choose another judge."
            )
        raise UnansweredError(
            f"{self.name} gave no {count} answers in {self.settings.attempts} attempts; its last reply begins "
            f"{self.endpoint.shown(text)!r}. Run again, or choose another judge."
        )

    def _first_messages(self, image: Image.Image, questions: Sequence[str], number: int) -> list[dict[str, Any]]:
        return first_messages(image, self.wording.prompt(number, questions), self.wording.system)

    def _reply(self, messages: list[dict[str, Any]]) -> tuple[str | None, str]:
        """The text of the reply, None if it is no completion, and the model's name as the endpoint gives it."""
        try:
            reply = self.endpoint.ask(messages, temperature=self.settings.temperature)
        except EndpointError as error:
            raise BenchmarkError(f"{self.name} cannot be asked: {error} Answers so far are kept; run again.") from None
        return reply.text, reply.model
