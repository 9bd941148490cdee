"""Models that answer questions about images, one file each under ``@JUDGES.register``. Nothing that chooses images."""

from scalingar.bench.judges.questions.openai_compatible import OpenAICompatibleJudge
from scalingar.bench.judges.questions.question_judge import (
    JUDGES,
    Answers,
    Judge,
    JudgeSettings,
    UnansweredError,
    load_judge,
    prepare_judge,
)
from scalingar.bench.judges.questions.wording import Wording

__all__ = [
    "JUDGES",
    "Answers",
    "Judge",
    "JudgeSettings",
    "OpenAICompatibleJudge",
    "UnansweredError",
    "Wording",
    "load_judge",
    "prepare_judge",
]
