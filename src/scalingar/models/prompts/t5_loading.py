"""Loading T5 from transformers; every error becomes one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from scalingar.core.errors import WeightsError
from scalingar.core.packages import require
from scalingar.models.hf.loading import first_sentence, load_network, load_text_tokenizer

FLAN_T5_XL = "google/flan-t5-xl"
"""The text encoder of LlamaGen, AR-GRPO and Infinity."""
_ROUNDED_TO = 128


def load_tokenizer(path: str | Path) -> Any:
    """The tokenizer beside an encoder's weights. Raises WeightsError."""
    with _explained(path):
        return load_text_tokenizer(path)


def load_encoder(path: str | Path, width: int, *, device: str | torch.device, dtype: torch.dtype) -> Any:
    """A frozen ``T5EncoderModel`` from a folder or a hub id.

    Raises:
        WeightsError: it is missing, damaged, no T5, or its features are not ``width`` wide.
    """
    with _explained(path):
        from transformers import T5EncoderModel  # noqa: PLC0415

        network = load_network(T5EncoderModel, path, device=device, dtype=dtype)
    if network.config.d_model != width:
        raise WeightsError(
            f"{path} gives {network.config.d_model} numbers a token, the transformer reads {width}; "
            f"give the encoder it was trained with as text_encoder, such as {FLAN_T5_XL}."
        )
    return network


def check_vocabulary(path: str | Path, known: int, rows: int) -> None:
    """Raises WeightsError unless a tokenizer of ``known`` tokens may be that of an encoder of ``rows`` embeddings.

    T5's tables are longer than its vocabulary, rounded up for the hardware.
    """
    if not 0 <= rows - known < _ROUNDED_TO:
        raise WeightsError(
            f"the tokenizer in {path} knows {known} tokens and the encoder beside it {rows}: it is another model's; "
            "put the encoder's own tokenizer files there."
        )


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    require("reading captions, unless you give your own text_encoder,", "t5", "transformers")
    try:
        yield
    except WeightsError as error:
        reason = first_sentence(error).rstrip(".").removeprefix(f"{path} ")
        raise WeightsError(
            f"the text encoder {path} cannot be loaded ({reason}); give the folder of {FLAN_T5_XL} as text_encoder."
        ) from None
