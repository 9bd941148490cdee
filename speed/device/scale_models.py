"""Next-scale models: TTS-VAR against Best-of-N, with looks by networks of random weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.rewards import REWARDS, PixelReward
from scalingar.rewards.features import FEATURES, DINOv2Feature, Feature
from scalingar.strategies import BestOfN, Single, Strategy, TTSVar
from speed.device.random_models import WORDS, infinity_pipe, made_on, var_pipe
from speed.device.report import Row
from speed.device.sizes import Sizes
from speed.device.timing import median_run, peak_gigabytes, seconds, start_peak

REWARD, FEATURE = "random-clip", "random-dinov2"


class RandomClip(PixelReward):
    """The cosine of CLIP's two towers without their knowledge, in fp32."""

    independent = True

    def __init__(self, sizes: Sizes, device: torch.device) -> None:
        from transformers import CLIPConfig, CLIPModel  # noqa: PLC0415

        self.network: Any = made_on(device, lambda: CLIPModel(CLIPConfig(**sizes.reward)))
        self.device = device

    @torch.inference_mode()
    def score(self, prompt: str, images: Sequence[Image.Image]) -> list[float]:
        """In [-1, 1]."""
        side = self.network.config.vision_config.image_size
        pixels = normalised([cropped(image, side) for image in images]).to(self.device)
        seen = self.network.get_image_features(pixel_values=pixels).pooler_output
        ids = torch.arange(1, WORDS, device=self.device)[None]
        text = self.network.get_text_features(input_ids=ids).pooler_output
        return [float(one) for one in torch.cosine_similarity(seen, text).cpu()]


def random_dinov2(sizes: Sizes, device: torch.device) -> Feature:
    """DINOv2's patch tokens, eight images at a time where features are seen in batches."""
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel  # noqa: PLC0415

    config = Dinov2WithRegistersConfig(**sizes.feature)
    network = made_on(device, lambda: Dinov2WithRegistersModel(config))
    batches = {"batch_size": 8} if "batch_size" in DINOv2Feature.__dataclass_fields__ else {}
    return DINOv2Feature(network, **batches)


def var(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
    """VAR-d30 at 256 pixels."""
    yield from _compared(partial(var_pipe, sizes, device), "207", sizes, device)


def infinity(sizes: Sizes, device: torch.device, folder: Path) -> Iterator[Row]:
    """Infinity-2B at 1024 pixels."""
    yield from _compared(partial(infinity_pipe, sizes, device), "a photo of a dog", sizes, device)


def _compared(make: Callable[[], ImagePipeline], prompt: str, sizes: Sizes, device: torch.device) -> Iterator[Row]:
    """Single, best of 8, TTS-VAR at N = 1 and 2, and after each the Best-of-N that draws about as many tokens."""
    pipe = make()
    with ExitStack() as stack:
        stack.enter_context(REWARDS.temporarily(REWARD, lambda source, *, device: RandomClip(sizes, device)))
        stack.enter_context(FEATURES.temporarily(FEATURE, lambda source, *, device: random_dinov2(sizes, device)))
        run = partial(_run, pipe, prompt, sizes, device)
        row, output, _ = run("single", Single())
        yield row
        each = output.ledger.tokens
        row, output, best = run("best-of-n", BestOfN(num_trajectories=8, reward=REWARD))
        bests = {8: best / output.ledger.tokens}
        yield row
        for count in (1, 2):
            row, output, taken = run("tts-var", TTSVar(num_trajectories=count, reward=REWARD, feature=FEATURE))
            equal = max(1, round(output.ledger.tokens / each))
            best_row = None
            if equal not in bests:
                best_row, best_output, best = run("best-of-n", BestOfN(num_trajectories=equal, reward=REWARD))
                bests[equal] = best / best_output.ledger.tokens
            yield row | {"× best-of-n, equal tokens": taken / output.ledger.tokens / bests[equal]}
            if best_row is not None:
                yield best_row


def _run(
    pipe: ImagePipeline, prompt: str, sizes: Sizes, device: torch.device, name: str, strategy: Strategy
) -> tuple[Row, ImageOutput, float]:
    start_peak(device)
    waking = seconds(partial(pipe, prompt, strategy=strategy, seed=100), device)
    taken, output = median_run(partial(pipe, prompt, strategy=strategy, seed=1), device, sizes.repeats)
    ledger = output.ledger
    row: Row = {
        "strategy": name,
        "N": strategy.num_trajectories,
        "seconds": taken,
        "tokens": ledger.tokens,
        "first run s": waking,
        "decodes": ledger.decodes,
        "rewards": ledger.reward_calls,
        "features": ledger.feature_calls,
        **{f"{name} s": ledger.seconds.get(name, 0.0) for name in ("transformer", "policy", "sampling")},
        **{f"{name} s": ledger.seconds.get(name, 0.0) for name in ("decode", "reward", "features")},
        "peak GB": peak_gigabytes(device),
        "× best-of-n, equal tokens": None,
    }
    return row, output, taken
