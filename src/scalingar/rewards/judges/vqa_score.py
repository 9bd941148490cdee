"""``vqa-score:MODEL``: a vision-language model that runs here, as a reward (VQAScore, arXiv 2404.01291)."""

from collections.abc import Sequence
from functools import cached_property

import torch
from PIL import Image

from scalingar.core.packages import require
from scalingar.rewards.judges.judge_source import LocalOptions
from scalingar.rewards.judges.question_reward import QuestionReward
from scalingar.rewards.judges.vision_language import VisionLanguageNetwork
from scalingar.rewards.reward import REWARDS

NAME = "vqa-score"
PROMPT = "{question} Answer yes or no."
_BATCH = 8


@REWARDS.register(NAME)
class VQAScore(QuestionReward):
    """vqa-score:MODEL, run here: probability of yes to "Does this picture show …?", or to questions of a file.

    P(yes) / (P(yes) + P(no)) of the first word of the answer, read from the logits: nothing is sampled. The paper takes
    P(yes) among all words, which for a model that answers in one word is nearly the same.
    """

    def __init__(self, source: str | None, *, device: str | torch.device = "cpu") -> None:
        """``source``: folder or hub name of an image-text-to-text model, ``?option=value&…``. Raises ConfigError."""
        self.options = LocalOptions.of(NAME, source)
        super().__init__(self.options.questions)
        self.device = torch.device(device)

    @staticmethod
    def check(source: str | None) -> None:
        """Raises ConfigError for a source that cannot be one. No file is looked at: a name may come from anybody."""
        LocalOptions.of(NAME, source)

    @staticmethod
    def eyes(source: str | None) -> frozenset[str]:
        """The model that looks."""
        return frozenset({f"the model {LocalOptions.of(NAME, source).model}"})

    def prepare(self) -> None:
        """Read the questions, load the weights.

        Raises:
            ConfigError, WeightsError: missing or damaged files, or another kind of model.
        """
        super().prepare()
        _ = self.network

    @cached_property
    def network(self) -> VisionLanguageNetwork:
        """The network, loaded once. Raises WeightsError."""
        require(f"the reward {NAME}", "hf")
        on_cpu = self.device.type == "cpu"
        dtype = self.options.dtype or ("float32" if on_cpu else "auto")
        chosen = dtype if dtype == "auto" else getattr(torch, dtype)
        return VisionLanguageNetwork.load(self.options.model, device=self.device, dtype=chosen)

    def yes(self, pairs: Sequence[tuple[Image.Image, str]]) -> list[float | None]:
        """Pictures of one size are seen together, question by question. Raises WeightsError."""
        batch = self.options.batch or (1 if self.device.type == "cpu" else _BATCH)
        alike: dict[tuple[str, tuple[int, int]], list[int]] = {}
        for place, (image, question) in enumerate(pairs):
            alike.setdefault((question, image.size), []).append(place)
        told: list[float | None] = [None] * len(pairs)
        for (question, _), places in alike.items():
            for start in range(0, len(places), batch):
                part = places[start : start + batch]
                shares = self.network.shares([pairs[place][0] for place in part], PROMPT.format(question=question))
                for place, share in zip(part, shares.tolist(), strict=True):
                    told[place] = share
        return told
