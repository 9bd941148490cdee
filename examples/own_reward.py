"""A reward of one's own, given to two strategies that did not know it: which of four images is the most colourful?"""

import numpy as np
from PIL import Image

from scalingar import ImagePipeline
from scalingar.rewards import REWARDS, scoring
from scalingar.strategies import BestOfN, ImportanceSampling, Strategy

PROMPT = "a photo of a green car"


@REWARDS.register("colorfulness")
@scoring
def colorfulness(prompt: str, images: list[Image.Image]) -> list[float]:
    """The measure M of Hasler & Süsstrunk (2003): spread and mean of the two opponent colour axes; about 0 to 100."""
    values = []
    for image in images:
        red, green, blue = np.asarray(image.convert("RGB"), np.float64).transpose(2, 0, 1)
        red_green, yellow_blue = red - green, (red + green) / 2 - blue
        spread = np.hypot(red_green.std(), yellow_blue.std())
        values.append(float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean())))
    return values


pipe = ImagePipeline.from_pretrained("embedded")
strategies: dict[str, Strategy] = {
    "best-of-4": BestOfN(reward="colorfulness", num_trajectories=4),
    "importance-sampling": ImportanceSampling(reward="colorfulness", num_trajectories=4),
}
for label, strategy in strategies.items():
    output = pipe(PROMPT, strategy=strategy, seed=7)
    result = output.results[0]
    scores = ", ".join(f"{candidate.rewards['colorfulness']:.1f}" for candidate in result.candidates)
    print(f"{label:20s} {scores}: trajectory {result.chosen} is handed out")
    output.images[0].save(f"{label}.png")
