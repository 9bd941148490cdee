"""Kind ``imagereward``: preprocessed pictures, features, rewards and ranks."""

import re
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.doctor.golden.golden_file import CHECKS, EXACT, IMAGES, LOGITS, Comparison, GoldenFile
from scalingar.models.hf.clip_pixels import cropped, normalised
from scalingar.rewards import image_reward_network
from scalingar.rewards.image_reward_network import ImageRewardNetwork

_PICTURE = re.compile(r"pil_(\d+)_u8")


def build(file: GoldenFile) -> ImageRewardNetwork:
    """The network with a file's weights; the file states the heads, the weights determine all other sizes."""
    text, vision = file.config.get("heads"), file.config.get("v_heads")
    return image_reward_network.build(file.weights, file.path, text_heads=text, vision_heads=vision)


def pictures(file: GoldenFile) -> list[Image.Image]:
    """The pictures of a file, in order."""
    numbers = sorted(int(match[1]) for name in file.arrays if (match := _PICTURE.fullmatch(name)))
    return [Image.fromarray(file[f"pil_{number}_u8"].numpy()) for number in numbers]


@CHECKS.register("imagereward")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Each stage on the file's own input for it; then rewards from the pictures, with and without padding."""
    network = build(file)
    pixels = normalised([cropped(picture, network.side) for picture in pictures(file)])
    yield file.compare("preprocessed", pixels, IMAGES)
    yield file.compare("image_embeds", network.embed(file["preprocessed"]), LOGITS)
    yield file.compare("cls_features", _features(network, file, file["image_embeds"], padding=True), LOGITS)
    for padding, note in ((True, ""), (False, "without padding")):
        features = _features(network, file, network.embed(pixels), padding=padding)
        rewards = network.reward(features.flatten(0, 1)).view(features.shape[:2])
        yield file.compare("rewards", rewards, LOGITS, note)
    for name in file.arrays:
        if match := re.fullmatch(r"rank_prompt(\d+)", name):
            yield file.compare(name, ranks(rewards[int(match[1])]).to(file[name].dtype), EXACT)
        if match := re.fullmatch(r"score_prompt(\d+)_image(\d+)", name):
            yield file.compare(name, rewards[int(match[1]), int(match[2])], LOGITS)


def ranks(rewards: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """Rank of each reward, 1 for the highest; equal rewards are ranked in their order."""
    return rewards.argsort(descending=True, stable=True).argsort() + 1


def _features(
    network: ImageRewardNetwork, file: GoldenFile, patches: Float[Tensor, "n p d"], *, padding: bool
) -> Float[Tensor, "q n h"]:
    """The text encoder's output for every prompt and picture."""
    rows = []
    for ids, mask in zip(file["input_ids"].long(), file["attention_mask"].long(), strict=True):
        if padding:
            rows.append(network.read(ids.expand(len(patches), -1), patches, mask.expand(len(patches), -1)))
        else:
            rows.append(network.read(ids[mask.bool()].expand(len(patches), -1), patches))
    return torch.stack(rows)
