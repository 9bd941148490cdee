"""A vision-language model behind any endpoint that speaks OpenAI's chat protocol: OpenAI itself, vLLM, and others."""

import base64
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from scalingar.bench.judges.questions.answer_cache import AnswerCache, answer_key
from scalingar.bench.judges.questions.bounded_client import bounded_client, in_time
from scalingar.bench.judges.questions.question_judge import JUDGES, Answers, JudgeSettings, UnansweredError
from scalingar.bench.judges.questions.replies import parse_answers
from scalingar.bench.judges.questions.wording import COUNT, Wording
from scalingar.core.errors import BenchmarkError
from scalingar.core.files import cache_folder
from scalingar.core.pixels import png_bytes, rgb
from scalingar.core.secrets import struck

SYSTEM = "You examine images carefully and answer questions about what they show."
TEMPLATE = (
    "Answer each of these {count} questions about the image with yes or no. "
    "Write one answer per line, in the order of the questions, and nothing else.\n\n{questions}"
)
REMINDER = "Your last reply could not be read. Reply with exactly {count} lines, each of them only yes or no."
WORDING = Wording(system=SYSTEM, templates=(TEMPLATE,), reminder=REMINDER)
_FIRST = 20
"""Images without a single answer from which on a judge is no judge."""
_REFUSED = re.compile(r"content.?(?:policy|filter|management)|moderation|safety|responsible.?ai", re.IGNORECASE)
"""Errors that are about what an image shows, not about the request."""


@JUDGES.register("openai-compatible")
class OpenAICompatibleJudge:
    """Asks all questions about an image in one call, in one wording, and keeps the answers."""

    def __init__(self, settings: JudgeSettings, client: Any = None) -> None:
        """``client``: an ``openai.OpenAI``; None: a new one for the settings' endpoint. Raises ConfigError."""
        self.settings = settings
        self.client = client or bounded_client(settings.base_url, settings.timeout)
        self.wording = settings.wording or WORDING
        self.cache = AnswerCache(settings.cache or cache_folder("answers"))
        self._answered, self._unanswered = False, 0

    @property
    def name(self) -> str:
        """Model, endpoint and temperature."""
        endpoint = f" at {self._endpoint}" if self._endpoint else ""
        return f"{self.settings.model}{endpoint}, temperature {self.settings.temperature:g}"

    def __call__(self, image: Image.Image, questions: Sequence[str]) -> Answers:
        """Answers, from the cache if the same was asked before. Raises UnansweredError, BenchmarkError."""
        # At random, yet the same for the same image and questions, so that a resumed run asks nothing twice.
        number = int(answer_key(image, questions=list(questions)), 16) if len(self.wording.templates) > 1 else 0
        prompt = self.wording.prompt(number, questions)
        key = answer_key(
            image,
            system=self.wording.system,
            prompt=prompt,
            model=self.settings.model,
            base_url=self._endpoint,
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
                f"{self._shown(text)!r}. Choose another judge."
            )
        raise UnansweredError(
            f"{self.name} gave no {count} answers in {self.settings.attempts} attempts; its last reply begins "
            f"{self._shown(text)!r}. Run again, or choose another judge."
        )

    def _first_messages(self, image: Image.Image, questions: Sequence[str], number: int) -> list[dict[str, Any]]:
        return first_messages(image, self.wording.prompt(number, questions), self.wording.system)

    def _reply(self, messages: list[dict[str, Any]]) -> tuple[str | None, str]:
        """The text of the reply, None if it is no completion, and the model's name as the endpoint gives it."""
        from openai import OpenAIError  # noqa: PLC0415

        try:
            reply = in_time(
                self.settings.timeout,
                lambda: self.client.chat.completions.create(
                    model=self.settings.model, messages=messages, temperature=self.settings.temperature
                ),
            )
        except (OpenAIError, TimeoutError) as error:
            if _REFUSED.search(f"{getattr(error, 'code', '')} {error}"):
                return str(error), self.settings.model
            reason = self._shown(str(error), 200)
            raise BenchmarkError(f"{self.name} cannot be asked: {reason} Answers so far are kept; run again.") from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None, ""  # the library does not expect a body of another kind
        return completion_text(reply), str(getattr(reply, "model", ""))

    @property
    def _endpoint(self) -> str | None:
        return None if self.settings.base_url is None else struck(self.settings.base_url)

    def _shown(self, text: str, length: int = 80) -> str:
        """The beginning of what a server says, without secrets and without signs that a terminal would obey."""
        password = urlsplit(self.settings.base_url or "").password
        plain = struck(text, (str(getattr(self.client, "api_key", "") or ""), password or ""))
        return "".join(sign if sign.isprintable() else " " for sign in " ".join(plain.split()))[:length]


def completion_text(reply: Any) -> str | None:
    """The text of a completion, empty if the model said nothing; None for something else than a completion."""
    try:
        if not reply.choices:
            return ""
        message = reply.choices[0].message
        content = message.content or getattr(message, "refusal", None) or ""
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else getattr(part, "text", None) for part in content]
        content = "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else None


def first_messages(image: Image.Image, prompt: str, system: str) -> list[dict[str, Any]]:
    """The messages of the first attempt."""
    url = f"data:image/png;base64,{base64.b64encode(png_bytes(rgb(image))).decode()}"
    content = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]
