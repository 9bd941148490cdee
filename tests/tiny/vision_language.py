"""Vision-language models small enough for any test: LLaVA and Idefics3 with random weights and a tokenizer of words."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

WORDS = (
    "<pad>",
    "<unk>",
    "<image>",
    "USER:",
    "ASSISTANT:",
    "Yes",
    "No",
    "yes",
    "no",
    "Does",
    "this",
    "picture",
    "show",
)
TEMPLATE = (
    "{% for message in messages %}USER: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}ASSISTANT:"
)
_SIZES: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_tiny_llava(folder: Path, *, template: str | None = TEMPLATE, words: tuple[str, ...] = WORDS) -> Path:
    """Pictures of 16 x 16 become four tokens."""
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        tokenizer=PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", additional_special_tokens=["<image>"]
        ),
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**_SIZES, image_size=16, patch_size=8).to_dict(),
        text_config=LlamaConfig(**_SIZES, num_key_value_heads=2, vocab_size=len(words), pad_token_id=0).to_dict(),
        image_token_index=words.index("<image>"),
        image_seq_length=4,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LlavaForConditionalGeneration(config)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_tiny_idefics(folder: Path) -> Path:
    """Pictures become four tokens between marks; its processor takes a list of pictures for each text."""
    marks = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
    words = (*WORDS, *marks)
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    processor = Idefics3Processor(
        image_processor=Idefics3ImageProcessorPil(
            size={"longest_edge": 56}, max_image_size={"longest_edge": 56}, do_image_splitting=False
        ),
        tokenizer=PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>",
            additional_special_tokens=["<image>", *marks], padding_side="left",
        ),
        image_seq_len=4,
        chat_template=TEMPLATE,
    )  # fmt: skip
    config = Idefics3Config(
        vision_config={**_SIZES, "image_size": 56, "patch_size": 14},
        text_config=LlamaConfig(**_SIZES, num_key_value_heads=2, vocab_size=len(words), pad_token_id=0).to_dict(),
        image_token_id=words.index("<image>"),
        scale_factor=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Idefics3ForConditionalGeneration(config)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
