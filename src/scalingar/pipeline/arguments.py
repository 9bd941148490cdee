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
_AS_LONG_AS_IT_IS = (
    "has no meaning here: an image has as many codes as its grid; num_trajectories says how much is searched"
)
_NO_IMAGES = "has no meaning here: prompts are text, no model here reads images"
_ONE_PROMPT = "has no meaning here: all of a model's encoders read the prompt"
_THE_SIZE = "is the model's; load it with image_size, aspect_ratio or another variant where its family has them"
_SAMPLING = "is a setting of sampling; write sampling.{name}, in Python sampling={{'{name}': ...}}"
_STRATEGY = "is a setting of a strategy; write strategy.{name}, in Python strategy={{'name': ..., '{name}': ...}}"
_OF_THE_HUB = "is left to huggingface_hub; set {variable} before Python starts"
_ONE_DEVICE = "has no meaning here: the whole model is on one device; load it with dtype bf16, or lower max_rows"
_NOT_LOADED = "has no meaning here: weights are read as they are; leave it out"
FOREIGN: Mapping[str, str] = {
    "num_inference_steps": "has no meaning here: an image has as many steps as codes or scales; num_trajectories says "
    "how much is searched",
    **dict.fromkeys(("max_new_tokens", "max_length"), _AS_LONG_AS_IT_IS),
    **dict.fromkeys(("height", "width", "original_size", "target_size"), _THE_SIZE),
    **dict.fromkeys(("temperature", "top_k", "top_p", "greedy", "guidance_interval"), _SAMPLING),
    "do_sample": "is the opposite of sampling.greedy; write that",
    "num_beams": "is the N of a strategy; write strategy=beam and num_trajectories",
    **dict.fromkeys(("reward", "verifier", "preset"), _STRATEGY),
    "generator": "is an argument of a call in Python; write seed",
    "num_images": "is called num_images_per_prompt",
    "num_return_sequences": "is called num_images_per_prompt",
    "batch_size": "is called max_rows, as far as memory goes",
    **dict.fromkeys(("cfg_scale", "true_cfg_scale"), "is called guidance_scale"),
    "callback": "is called callback_on_step_end",
    "callback_steps": "has no meaning here: callback_on_step_end is called at every step",
    "callback_on_step_end_tensor_inputs": "has no meaning here: callback_on_step_end is given all values",
    **dict.fromkeys(("image", "images", "ip_adapter_image", "ip_adapter_image_embeds"), _NO_IMAGES),
    **dict.fromkeys(("negative_ip_adapter_image", "negative_ip_adapter_image_embeds"), _NO_IMAGES),
    **dict.fromkeys(("prompt_2", "prompt_3"), _ONE_PROMPT),
    **dict.fromkeys(("negative_prompt_2", "negative_prompt_3"), "is called negative_prompt, where a family has it"),
    "return_dict": "has no meaning here: the output always has .images",
    "torch_dtype": "is called dtype",
    "device_map": "is called device",
    "revision": "stands in the name, after an @: owner/name@revision",
    "subfolder": "is part of the path; give the folder itself, or a variant",
    **dict.fromkeys(("cache_dir", "local_dir"), _OF_THE_HUB.format(variable="HF_HOME")),
    "local_files_only": _OF_THE_HUB.format(variable="HF_HUB_OFFLINE=1"),
    **dict.fromkeys(
        ("token", "use_auth_token"), _OF_THE_HUB.format(variable="HF_TOKEN, or log in with 'hf auth login'")
    ),
    **dict.fromkeys(
        ("proxies", "force_download"), "is left to huggingface_hub; download the files with its own command"
    ),
    **dict.fromkeys(("trust_remote_code", "custom_pipeline"), "does not exist: no code of a repository is run"),
    **dict.fromkeys(
        ("low_cpu_mem_usage", "use_safetensors", "quantization_config", "safety_checker", "feature_extractor"),
        _NOT_LOADED,
    ),
    **dict.fromkeys(("max_memory", "offload_folder", "offload_state_dict"), _ONE_DEVICE),
    **dict.fromkeys(
        (
            "attention_kwargs",
            "clip_skip",
            "crops_coords_top_left",
            "cross_attention_kwargs",
            "denoising_end",
            "eta",
            "guidance_rescale",
            "joint_attention_kwargs",
            "latents",
            "max_sequence_length",
            "negative_crops_coords_top_left",
            "negative_original_size",
            "negative_pooled_prompt_embeds",
            "negative_prompt_attention_mask",
            "negative_prompt_embeds",
            "negative_target_size",
            "pooled_prompt_embeds",
            "prompt_attention_mask",
            "prompt_embeds",
            "sigmas",
            "strength",
            "timesteps",
        ),
        _NO_MEANING,
    ),
}
"""Names of diffusers and its like, and what to write here."""
_WHOLE = "does not exist: the whole model is on one device; load it with dtype bf16, or lower max_rows"
_LORA = "does not exist: merge the weights first"
FOREIGN_METHODS: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "enable_attention_slicing",
            "enable_group_offload",
            "enable_model_cpu_offload",
            "enable_sequential_cpu_offload",
            "enable_vae_slicing",
            "enable_vae_tiling",
            "enable_xformers_memory_efficient_attention",
            "hf_device_map",
        ),
        _WHOLE,
    ),
    **dict.fromkeys(("save_pretrained", "push_to_hub"), "does not exist: 'scalingar convert' writes a model's folder"),
    **dict.fromkeys(("set_progress_bar_config", "progress_bar"), "does not exist: a call takes progress=True"),
    **dict.fromkeys(("load_lora_weights", "fuse_lora", "unload_lora_weights", "set_adapters"), _LORA),
    **dict.fromkeys(("load_ip_adapter", "load_textual_inversion", "encode_image"), "does not exist: prompts are text"),
    **dict.fromkeys(("from_single_file", "from_pipe"), "does not exist: from_pretrained takes files, too"),
    **dict.fromkeys(("scheduler", "unet", "vae"), "does not exist: here are model and tokenizer"),
    "transformer": "is called model",
    **dict.fromkeys(("text_encoder", "encode_prompt"), "does not exist: encode_prompts reads prompts"),
    **dict.fromkeys(("components", "config"), "does not exist: choice says how model and tokenizer were loaded"),
    "dtype": "does not exist: choice.dtype says it",
    **dict.fromkeys(("cuda", "cpu", "half", "float", "bfloat16"), "does not exist: write to(device) or to(dtype)"),
    **dict.fromkeys(("eval", "train"), "does not exist: models are loaded to draw"),
    **dict.fromkeys(("enable_freeu", "safety_checker"), "does not exist here"),
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
