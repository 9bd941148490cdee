"""Models that answer questions about images. A judge is one file with one class under ``@JUDGES.register``."""

from scalingar.bench.judges.questions.question_judge import JUDGES, Answers, Judge, JudgeSettings

__all__ = ["JUDGES", "Answers", "Judge", "JudgeSettings", "load_judge"]


def load_judge(settings: JudgeSettings) -> Judge:
    """The judge that ``settings`` name. Raises ConfigError for one that does not exist or cannot be reached."""
    from scalingar.bench.judges.questions import openai_compatible  # noqa: F401, PLC0415  (registers it)

    return JUDGES[settings.kind](settings)
