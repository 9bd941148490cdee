"""Loading transformers' T5 classes; what goes wrong becomes one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from scalingar.core.errors import WeightsError
from scalingar.models.hf.loading import REFUSALS, first_sentence

FLAN_T5_XL = "google/flan-t5-xl"
"""What LlamaGen and AR-GRPO were trained with."""


def load_tokenizer(path: str | Path) -> Any:
    """The tokenizer beside an encoder's weights. Raises WeightsError."""
    with _explained(path):
        from transformers import AutoTokenizer  # noqa: PLC0415

        return AutoTokenizer.from_pretrained(str(path))


def load_encoder(path: str | Path, width: int, *, device: str | torch.device, dtype: torch.dtype) -> Any:
    """A frozen ``T5EncoderModel`` from a folder or a hub id.

    Raises:
        WeightsError: missing, damaged, no T5, or one whose features are not ``width`` wide.
    """
    with _explained(path):
        from transformers import T5EncoderModel  # noqa: PLC0415

        loaded: Any = T5EncoderModel.from_pretrained(str(path), dtype=dtype, output_loading_info=True)
    network, info = loaded
    if missing := sorted(map(str, info["missing_keys"])):
        raise WeightsError(f"{path} lacks {missing[0]!r}; it is no complete T5 encoder, choose another one.")
    if network.config.d_model != width:
        raise WeightsError(
            f"{path} gives {network.config.d_model} numbers a token, the transformer reads {width}; "
            f"give the encoder it was trained with as text_encoder, such as {FLAN_T5_XL}."
        )
    return network.to(device).eval().requires_grad_(False)


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise WeightsError(
            f"reading captions needs {error.name}; install scalingar[t5], or give your own text_encoder."
        ) from None
    except REFUSALS as error:
        reason = first_sentence(error).rstrip(".")
        raise WeightsError(
            f"the text encoder {path} cannot be loaded ({reason}); give the folder of {FLAN_T5_XL} as text_encoder."
        ) from None
