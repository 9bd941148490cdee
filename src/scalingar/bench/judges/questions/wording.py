"""The words in which a judge is asked."""

from collections.abc import Sequence

from pydantic import Field, field_validator

from scalingar.core.settings import Settings

QUESTIONS, COUNT = "{questions}", "{count}"
"""Placeholders in a template: the questions, one a line, and how many they are."""


class Wording(Settings):
    """A system message, and one or more templates of the question."""

    system: str
    templates: tuple[str, ...] = Field(
        min_length=1, description=f"each with {QUESTIONS} where they go; of several, one is taken at random per image"
    )
    reminder: str | None = Field(
        None, description="follows a reply that cannot be read; None: all is asked again, with the next template"
    )

    @field_validator("templates")
    @classmethod
    def _holds_questions(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        if any(QUESTIONS not in template for template in templates):
            raise ValueError(f"each template needs {QUESTIONS} where the questions go")
        return templates

    def prompt(self, number: int, questions: Sequence[str]) -> str:
        """Template ``number``, counted round and round, with the questions filled in."""
        lines = "\n".join(" ".join(question.split()) for question in questions)
        return (
            self.templates[number % len(self.templates)].replace(COUNT, str(len(questions))).replace(QUESTIONS, lines)
        )
