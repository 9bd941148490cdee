"""Every kind of golden file that can be checked; importing this registers them."""

from scalingar.doctor import (
    image_reward,
    infinity_model,
    infinity_rope,
    infinity_vae,
    llamagen_filter,
    llamagen_gpt,
    llamagen_vq,
    tts_var_e2e,
    tts_var_select,
    var_gpt,
    var_vqvae,
)

__all__ = [
    "image_reward",
    "infinity_model",
    "infinity_rope",
    "infinity_vae",
    "llamagen_filter",
    "llamagen_gpt",
    "llamagen_vq",
    "tts_var_e2e",
    "tts_var_select",
    "var_gpt",
    "var_vqvae",
]
