"""Which of the weight files on this machine is the transformer and which the tokenizer."""

from dataclasses import dataclass
from pathlib import Path

from scalingar.errors import WeightsError
from scalingar.models.checkpoint import listed_keys, read_weights, weight_file_names
from scalingar.models.llamagen_names import TOKENIZER_PARTS, TRANSFORMER_PARTS, part
from scalingar.models.released import TOKENIZER_MARK, TRANSFORMER_MARKS


@dataclass(frozen=True)
class Parts:
    """Files or folders of one model; the same one twice where it holds both. ``tokenizer`` is None if there is none."""

    transformer: Path
    tokenizer: Path | None


def find_parts(path: Path) -> Parts:
    """Look into a file or a folder; a folder may hold one transformer and one tokenizer.

    Raises:
        WeightsError: nothing there, no transformer, several of a kind, or a file that cannot be read.
    """
    found: dict[str, list[Path]] = {"transformer": [], "tokenizer": []}
    refused: list[WeightsError] = []
    for place in weight_file_names(path):
        try:
            for kind in kinds(place):
                found[kind].append(place)
        except WeightsError as error:
            refused.append(error)
    for kind, places in found.items():
        if len(places) > 1:
            names = listed_keys(place.name for place in places)
            raise WeightsError(f"{path} holds several {kind}s ({names}); give the path of one, or a variant.")
    if refused and not all(found.values()):
        raise refused[0]
    if not found["transformer"]:
        raise WeightsError(f"{path} holds no LlamaGen transformer; give its file, and the tokenizer's as tokenizer.")
    return Parts(found["transformer"][0], next(iter(found["tokenizer"]), None))


def kinds(path: Path) -> list[str]:
    """What is in a weight file or folder: "transformer", "tokenizer", both, or neither. Raises WeightsError."""
    weights = read_weights(path)
    own = part(weights, TRANSFORMER_PARTS)
    transformer = any(mark in own for mark in TRANSFORMER_MARKS)
    tokenizer = TOKENIZER_MARK in part(weights, TOKENIZER_PARTS)
    return ["transformer"] * transformer + ["tokenizer"] * tokenizer
