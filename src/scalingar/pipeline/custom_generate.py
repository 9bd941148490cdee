"""A strategy inside transformers: ``model.generate(**inputs, custom_generate=generate_image, ...)`` for Emu3.

transformers prepares the prompts, the guidance and the sampling; the loop, with its cuts, is this package's. Janus'
own ``generate`` accepts no such function: use the pipeline there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers.generation import (
    EosTokenCriteria,
    GenerateDecoderOnlyOutput,
    LogitsProcessor,
    MaxLengthCriteria,
    PrefixConstrainedLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    UnbatchedClassifierFreeGuidanceLogitsProcessor,
)

from scalingar.core.errors import ConfigError
from scalingar.core.sampling_config import SamplingConfig
from scalingar.models.hf.emu3 import Emu3, Emu3Images, check_vocabulary
from scalingar.models.hf.loading import generation_sampling
from scalingar.models.hf.prompt_tokens import unpadded
from scalingar.pipeline.output import ImageOutput
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.strategies import Strategy

_UNDERSTOOD = (
    UnbatchedClassifierFreeGuidanceLogitsProcessor,
    PrefixConstrainedLogitsProcessor,  # the image's layout, which the model adapter writes itself
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    MaxLengthCriteria,  # images have a fixed length
    EosTokenCriteria,
)


def generate_image(
    model: Any,
    input_ids: Int[Tensor, "r t"],
    logits_processor: Sequence[LogitsProcessor],
    stopping_criteria: Sequence[Any],
    generation_config: Any,
    *,
    image_sizes: Sequence[Sequence[int]] | Int[Tensor, "p 2"],
    strategy: str | Strategy = "scaling-ar",
    num_trajectories: int | None = None,
    seed: int = 0,
    prompts: Sequence[str] | None = None,
    on_result: Callable[[ImageOutput], None] | None = None,
    **model_kwargs: Any,
) -> Int[Tensor, "r s"] | GenerateDecoderOnlyOutput:
    """One image per row of ``input_ids``, chosen by a strategy; for the ``custom_generate`` argument of ``generate``.

    Args:
        model: an ``Emu3ForConditionalGeneration``.
        input_ids: what transformers prepared, ``num_return_sequences`` rows per prompt.
        logits_processor: read for the guidance scale and the negative prompt.
        stopping_criteria: must be the usual ones, which are ignored: images have a fixed length.
        generation_config: temperature, top-k, top-p and ``do_sample``; ``return_dict_in_generate``.
        image_sizes: rows and columns of codes, as the processor returns them; the same for all prompts.
        strategy: a name or a configured strategy.
        num_trajectories: N; overrides the strategy's own.
        seed: keys the noise; return sequence ``j`` of a prompt is the image of ``seed + j``.
        prompts: their texts, for rewards that read them.
        on_result: is given candidates, traces and the ledger.
        model_kwargs: of these, ``attention_mask``; not by name, or transformers would not see it.

    Returns:
        Prompts followed by whole images, as ``generate`` returns them: what ``model.decode_image_tokens`` reads.

    Raises:
        ConfigError: images of several sizes, another model, or a processor or criterion that has no meaning here.
    """
    _check(model, [*logits_processor, *stopping_criteria])
    scale, negative = _guidance(logits_processor, generation_config.num_return_sequences, len(input_ids))
    emu3 = Emu3(network=model, grid=_grid(image_sizes), negative=negative)
    mask = model_kwargs.get("attention_mask")

    repeats = generation_config.num_return_sequences
    texts = [f"prompt {i}" for i in range(len(input_ids) // repeats)] if prompts is None else list(prompts)

    def prepared(prompts: list[str]) -> tuple[Tensor, Tensor | None]:
        """What transformers made of all prompts, whose texts are not read."""
        if prompts != [text for text in texts for _ in range(repeats)]:
            raise ConfigError("transformers prepared one prompt for each image; a second prompt needs the pipeline.")
        return input_ids, None if mask is None else mask.bool()

    pipe = ImagePipeline(
        name="emu3",
        model=emu3,
        tokenizer=Emu3Images(model),
        encode_prompts=prepared,
        guidance_scale=scale,
        sampling=SamplingConfig(**generation_sampling(generation_config), greedy=not generation_config.do_sample),
        device=model.device,
    )
    output = pipe(
        texts,
        strategy=strategy,
        num_trajectories=num_trajectories,
        num_images_per_prompt=repeats,
        seed=seed,
        output_type="codes",
    )
    if on_result is not None:
        on_result(output)
    drawn = emu3.sequence(torch.stack(output.images).to(input_ids.device))
    sequences: Any = torch.cat([input_ids, drawn.to(input_ids)], dim=1)
    return GenerateDecoderOnlyOutput(sequences=sequences) if generation_config.return_dict_in_generate else sequences


def _check(model: Any, processors: Sequence[Any]) -> None:
    if getattr(model.config, "model_type", None) != "emu3":
        raise ConfigError(f"custom_generate draws images with Emu3 only, not with {type(model).__name__}.")
    check_vocabulary(model, type(model).__name__)
    for processor in processors:
        if not isinstance(processor, _UNDERSTOOD):
            raise ConfigError(
                f"{type(processor).__name__} has no meaning while an image is drawn; generate without it."
            )


def _guidance(
    processors: Sequence[LogitsProcessor], repeats: int, rows: int
) -> tuple[float, list[Int[Tensor, " _u"]] | None]:
    """Guidance scale and negative prompts, from transformers' guidance processor."""
    for processor in processors:
        if isinstance(processor, UnbatchedClassifierFreeGuidanceLogitsProcessor):
            context: dict[str, Any] = processor.unconditional_context
            ids, mask = context["input_ids"], context["attention_mask"]
            if ids is None:
                return processor.guidance_scale, None
            null = unpadded(ids, None if mask is None else mask.bool())
            if len(null) * repeats == rows:  # transformers repeats the prompts, not these
                null = [row for row in null for _ in range(repeats)]
            if len(null) not in (1, rows):
                raise ConfigError(
                    f"there are {len(null)} negative prompts for {rows // repeats} prompts; give one each."
                )
            return processor.guidance_scale, null
    return 1.0, None


def _grid(image_sizes: Sequence[Sequence[int]] | Int[Tensor, "p 2"]) -> tuple[int, int]:
    sizes = {(int(height), int(width)) for height, width in image_sizes}
    if len(sizes) != 1:
        raise ConfigError(f"image_sizes are {sorted(sizes)}; generate images of one size together.")
    return sizes.pop()
