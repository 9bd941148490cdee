"""GLM-Image small enough for any test: the classes of transformers and diffusers, random weights, whole words."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    GlmImageConfig,
    GlmImageForConditionalGeneration,
    GlmImageProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.glm_image.image_processing_pil_glm_image import GlmImageImageProcessorPil

from tests.tiny.hf import WORDS, _randomised

CODES = 24
BEGIN, END, PLACEHOLDER, PAD = 24, 25, 60, 61
_FRAME = ("<sop>", "<eop>", "<unk>", "<|user|>")
_TEMPLATE = (
    "{% for message in messages %}<|user|> {% for part in message.content %}"
    "{{ '<|image|>' if part.type == 'image' else part.text }}{% endfor %}{% endfor %}"
)


def tiny_glm_image(*, seed: int = 0) -> GlmImageForConditionalGeneration:
    """Codes of 24, begin of image 24, its end 25; words from 30; head for 28 of 70 ids."""
    network = GlmImageForConditionalGeneration(
        GlmImageConfig(
            text_config={
                "vocab_size": 70, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
                "num_attention_heads": 4, "num_key_value_heads": 2, "vision_vocab_size": 28, "eos_token_id": END,
                "pad_token_id": PAD, "max_position_embeddings": 512,
                "rope_parameters": {"rope_type": "default", "rope_theta": 100.0, "mrope_section": [1, 1, 2]},
            },
            vision_config={
                "depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16, "image_size": 64,
                "patch_size": 16,
            },
            vq_config={"embed_dim": 4, "num_embeddings": CODES, "latent_channels": 16},
            image_token_id=PLACEHOLDER, image_start_token_id=BEGIN, image_end_token_id=END,
        )
    )  # fmt: skip
    network.generation_config.update(do_sample=True, temperature=0.9, top_p=0.75, eos_token_id=END, pad_token_id=PAD)
    return _randomised(network, seed)


def tiny_processor() -> GlmImageProcessor:
    """Whole words and numbers; a prompt ends with both grids and begin of image, as the published one's."""
    words = [f"<|dit_token_{i}|>" for i in range(30)]
    words += [*_FRAME, *WORDS, *map(str, range(1, 17)), "'", "<|endoftext|>"]
    vocabulary = {word: i for i, word in enumerate(words)} | {"<|image|>": PLACEHOLDER, "<|pad|>": PAD}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split(" ", "removed")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token=f"<|dit_token_{BEGIN}|>", pad_token="<|pad|>",
        padding_side="left",
        extra_special_tokens={
            "image_token": "<|image|>", "grid_bos_token": "<sop>", "grid_eos_token": "<eop>",
        },
    )  # fmt: skip
    return GlmImageProcessor(image_processor=GlmImageImageProcessorPil(), tokenizer=fast, chat_template=_TEMPLATE)


def small_shape(self: GlmImageProcessor, height: int, width: int) -> tuple[int, int, int, int]:
    """In place of the processor's ``_get_target_shape``: a preview of 3 x 2 codes; real ones have some 256."""
    return height // 32, width // 32, 3, 2


def save_autoregressive(folder: Path, network: GlmImageForConditionalGeneration | None = None) -> Path:
    """The autoregressive part with its processor, as transformers writes it."""
    (network or tiny_glm_image()).save_pretrained(folder)
    tiny_processor().save_pretrained(folder)
    return folder


def tiny_diffusion() -> Any:
    """diffusers' pipeline around a tiny transformer and decoder; 8 pixels per latent cell."""
    from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, GlmImagePipeline, GlmImageTransformer2DModel
    from transformers import ByT5Tokenizer, T5Config, T5EncoderModel

    torch.manual_seed(0)
    transformer: Any = GlmImageTransformer2DModel(
        patch_size=2, in_channels=4, out_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
        text_embed_dim=16, time_embed_dim=16, condition_dim=8, prior_vq_quantizer_codebook_size=CODES,
    )  # fmt: skip
    vae: Any = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(4, 4, 4, 4), norm_num_groups=2, latent_channels=4, sample_size=16,
        use_quant_conv=False, use_post_quant_conv=False, mid_block_add_attention=False,
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip
    text = T5EncoderModel(
        T5Config(vocab_size=384, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, feed_forward_proj="gated-gelu")
    )
    return GlmImagePipeline(
        tokenizer=ByT5Tokenizer(), processor=tiny_processor(), text_encoder=text.eval(),
        vision_language_encoder=tiny_glm_image(), vae=vae.eval(), transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )  # fmt: skip


def save_whole(folder: Path) -> Path:
    """As published: every part in a folder of its own."""
    tiny_diffusion().save_pretrained(folder)
    return folder
