"""Arguments of a call as people give them: numbers of NumPy and torch, labels as numbers, names of other libraries."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import torch

from scalingar.core.errors import ConfigError, PromptError
from scalingar.core.registry import suggestion
from scalingar.core.validation import plain, shown

MOST_IMAGES = 65_536
"""Images of one call."""

_NO_MEANING = "has no meaning for a model that draws code after code; leave it out"
_THE_SIZE = "is the model's; load it with image_size, aspect_ratio or another variant where its family has them"
_SAMPLING = "is a setting of sampling; write sampling.{name}, in Python sampling={{'{name}': ...}}"
FOREIGN: Mapping[str, str] = {
    "num_inference_steps": "has no meaning here: an image has as many steps as codes or scales; num_trajectories says "
    "how much is searched",
    **dict.fromkeys(("height", "width"), _THE_SIZE),
    **dict.fromkeys(("temperature", "top_k", "top_p", "greedy", "guidance_interval"), _SAMPLING),
    "generator": "is an argument of a call in Python; write seed",
    "num_images": "is called num_images_per_prompt",
    "num_return_sequences": "is called num_images_per_prompt",
    "batch_size": "is called max_rows, as far as memory goes",
    "cfg_scale": "is called guidance_scale",
    "callback": "is called callback_on_step_end",
    "callback_steps": "has no meaning here: callback_on_step_end is called at every step",
    "callback_on_step_end_tensor_inputs": "has no meaning here: callback_on_step_end is given all values",
    **dict.fromkeys(("image", "images"), "has no meaning here: prompts are text, no model here reads images"),
    "return_dict": "has no meaning here: the output always has .images",
    "torch_dtype": "is called dtype",
    "device_map": "is called device",
    **dict.fromkeys(
        (
            "clip_skip",
            "cross_attention_kwargs",
            "eta",
            "guidance_rescale",
            "latents",
            "negative_prompt_embeds",
            "prompt_2",
            "prompt_embeds",
            "sigmas",
            "strength",
            "timesteps",
        ),
        _NO_MEANING,
    ),
}
"""Names of diffusers and its like, and what to write here."""
_ONE_DEVICE = "does not exist: the whole model is on one device; load it with dtype bf16, or lower max_rows"
FOREIGN_METHODS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "enable_attention_slicing",
            "enable_model_cpu_offload",
            "enable_sequential_cpu_offload",
            "enable_vae_slicing",
            "enable_vae_tiling",
            "enable_xformers_memory_efficient_attention",
        ),
        _ONE_DEVICE,
    ),
    "save_pretrained": "does not exist: 'scalingar convert' writes a model's folder",
    "set_progress_bar_config": "does not exist: a call takes progress=True",
    "load_lora_weights": "does not exist: merge the weights first",
    **dict.fromkeys(("scheduler", "unet", "vae"), "does not exist: here are model and tokenizer"),
}
"""What a pipeline of diffusers has, and what is done here."""


def advice(name: str) -> str | None:
    """What to do about a name of another library; None for names that are not known."""
    return f"{name} {FOREIGN[name].format(name=name)}." if name in FOREIGN else None


def refuse(others: Mapping[str, Any], known: Sequence[str], model_settings: Sequence[str]) -> None:
    """Raises ConfigError for the first argument that a call does not have."""
    for name in others:
        if name in model_settings:
            raise ConfigError(f"{name} is a setting of the model; give it to from_pretrained.")
        raise ConfigError(advice(name) or f"{name} is no argument of a call{suggestion(name, list(known))}")


def prompts_of(prompt: Any) -> list[str]:
    """One prompt or several; numbers are class labels. Raises PromptError for what is no text."""
    value = plain(prompt)
    if isinstance(value, str | int | float):
        value = [value]
    if value is None:
        raise PromptError("there is no prompt (None); say what the image should show.")
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        raise PromptError(f"the prompt is {shown(prompt)}; it must be text, or a list of texts.")
    return [_text(one) for one in map(plain, value)]


def _text(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, int | float) and not isinstance(prompt, bool) and float(prompt).is_integer():
        return str(int(prompt))
    raise PromptError(f"a prompt is {shown(prompt)}; it must be text, or the number of a class.")


def seeds_of(seed: Any, generator: Any) -> int | list[int]:
    """One seed, or one per image: of numbers, or of ``torch.Generator`` objects. Raises ConfigError."""
    if generator is not None:
        if seed is not None:
            raise ConfigError("seed and generator are both given; leave one of them out.")
        seed = [_initial(one) for one in generator] if isinstance(generator, list | tuple) else _initial(generator)
    value = plain(0 if seed is None else seed)
    if isinstance(value, str | int | float):
        return whole(value, "seed", 0)
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        _refused(seed, "seed", "be a whole number, or one for each image")
    return [whole(one, "seed", 0) for one in value]


def _initial(generator: Any) -> int:
    if not isinstance(generator, torch.Generator):
        raise ConfigError(f"generator is {shown(generator)}; give a torch.Generator, or the number as seed.")
    return generator.initial_seed()


def whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    """A whole number from 3, 3.0, "3" or NumPy's 3. Raises ConfigError."""
    number = plain(value)
    if isinstance(number, str) and number.strip().lstrip("+-").isdecimal() and len(number) < 100:
        number = int(number)
    if isinstance(number, float) and math.isfinite(number) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        _refused(value, name, f"be a whole number, at least {least}")
    if number < least:
        wanted = "not be negative" if least == 0 else f"be at least {least}"
        raise ConfigError(f"{name} is {number}; it must {wanted}.")
    if most is not None and number > most:
        raise ConfigError(f"{name} is {shown(number)}; it must be at most {most}.")
    return number


def _refused(value: Any, name: str, wanted: str) -> NoReturn:
    raise ConfigError(f"{name} is {shown(value)}; it must {wanted}.")
