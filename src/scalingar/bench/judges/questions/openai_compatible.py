"""A vision-language model behind any endpoint that speaks OpenAI's chat protocol: OpenAI itself, vLLM, and others."""

import base64
import re
from collections.abc import Sequence
from typing import Any

from PIL import Image

from scalingar.bench.judges.questions.answer_cache import AnswerCache, answer_key
from scalingar.bench.judges.questions.question_judge import JUDGES, Answers, JudgeSettings
from scalingar.bench.judges.questions.wording import COUNT, Wording
from scalingar.core.errors import BenchmarkError, ConfigError
from scalingar.core.files import cache_folder
from scalingar.core.pixels import png_bytes

SYSTEM = "You examine images carefully and answer questions about what they show."
TEMPLATE = (
    "Answer each of these {count} questions about the image with yes or no. "
    "Write one answer per line, in the order of the questions, and nothing else.\n\n{questions}"
)
REMINDER = "Your last reply could not be read. Reply with exactly {count} lines, each of them only yes or no."
WORDING = Wording(system=SYSTEM, templates=(TEMPLATE,), reminder=REMINDER)
_ANSWER = re.compile(r"(?:\d+[.):]\s*)?(yes|no)\b", re.IGNORECASE)
"""A line with an answer, numbered or not; other lines are skipped."""
_TRANSPORT_RETRIES = 5
"""Attempts by the client, with growing pauses, when the endpoint is busy or cannot be reached."""


@JUDGES.register("openai-compatible")
class OpenAICompatibleJudge:
    """Asks all questions about an image in one call, in one wording, and keeps the answers."""

    def __init__(self, settings: JudgeSettings, client: Any = None) -> None:
        """``client``: an ``openai.OpenAI``; None: a new one for the settings' endpoint. Raises ConfigError."""
        self.settings = settings
        self.client = client or _client(settings)
        self.wording = settings.wording or WORDING
        self.cache = AnswerCache(settings.cache or cache_folder("answers"))

    @property
    def name(self) -> str:
        """Model, endpoint and temperature."""
        endpoint = f" at {self.settings.base_url}" if self.settings.base_url else ""
        return f"{self.settings.model}{endpoint}, temperature {self.settings.temperature:g}"

    def __call__(self, image: Image.Image, questions: Sequence[str]) -> Answers:
        """Answers, from the cache if the same was asked before. Raises BenchmarkError after the last attempt."""
        # At random, yet the same for the same image and questions, so that a resumed run asks nothing twice.
        number = int(answer_key(image, questions=list(questions)), 16) if len(self.wording.templates) > 1 else 0
        prompt = self.wording.prompt(number, questions)
        key = answer_key(
            image,
            system=self.wording.system,
            prompt=prompt,
            model=self.settings.model,
            base_url=self.settings.base_url,
            temperature=self.settings.temperature,
        )
        answers = self.cache.get(key)
        if answers is None or len(answers.yes) != len(questions):
            answers = self._ask(image, questions, number)
            self.cache.put(key, answers)
        return answers

    def _ask(self, image: Image.Image, questions: Sequence[str], number: int) -> Answers:
        """Answers to template ``number``; where there is no reminder, the next templates follow it."""
        count, text = len(questions), ""
        messages = self._first_messages(image, questions, number)
        for attempt in range(self.settings.attempts):
            text, model = self._reply(messages)
            if (yes := parse_answers(text, count)) is not None:
                return Answers(yes, model, text)
            if self.wording.reminder is None:
                messages = self._first_messages(image, questions, number + attempt + 1)
            else:
                reminder = self.wording.reminder.replace(COUNT, str(count))
                messages = [*messages, {"role": "assistant", "content": text}, {"role": "user", "content": reminder}]
        raise BenchmarkError(
            f"{self.name} gave no {count} answers in {self.settings.attempts} attempts; its last reply begins "
            f"{text[:80]!r}. Run again, or choose another judge."
        )

    def _first_messages(self, image: Image.Image, questions: Sequence[str], number: int) -> list[dict[str, Any]]:
        return first_messages(image, self.wording.prompt(number, questions), self.wording.system)

    def _reply(self, messages: list[dict[str, Any]]) -> tuple[str, str]:
        """The text of the reply, and the model's name as the endpoint gives it."""
        from openai import OpenAIError  # noqa: PLC0415

        try:
            reply = self.client.chat.completions.create(
                model=self.settings.model, messages=messages, temperature=self.settings.temperature
            )
        except OpenAIError as error:
            reason = " ".join(str(error).split())[:200]
            raise BenchmarkError(f"{self.name} cannot be asked: {reason} Answers so far are kept; run again.") from None
        if not reply.choices:
            return "", str(reply.model)
        return reply.choices[0].message.content or "", str(reply.model)


def first_messages(image: Image.Image, prompt: str, system: str) -> list[dict[str, Any]]:
    """The messages of the first attempt."""
    url = f"data:image/png;base64,{base64.b64encode(png_bytes(image.convert('RGB'))).decode()}"
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]


def parse_answers(text: str, count: int) -> tuple[bool, ...] | None:
    """True for each yes; None unless there are exactly ``count`` answers."""
    matches = [match for line in text.splitlines() if (match := _ANSWER.match(line.strip()))]
    return tuple(match[1].lower() == "yes" for match in matches) if len(matches) == count else None


def _client(settings: JudgeSettings) -> Any:
    try:
        from openai import OpenAI, OpenAIError  # noqa: PLC0415
    except ImportError:
        raise ConfigError("asking a judge needs the package openai; install scalingar[judge].") from None
    try:
        return OpenAI(base_url=settings.base_url, max_retries=_TRANSPORT_RETRIES)
    except OpenAIError:
        raise ConfigError(
            f"the judge {settings.model} needs a key: set OPENAI_API_KEY (for a server of your own, to any text)."
        ) from None
