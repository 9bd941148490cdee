"""A T5 small enough for any test, with a tokenizer of a few words, saved the way transformers saves them."""

from pathlib import Path

import torch

WORDS = ("a", "cat", "dog", "red", "on", "the", "mat", "and")


def save_tiny_t5(folder: Path, *, width: int = 24, seed: int = 0) -> Path:
    """Random weights; every word of WORDS is one token, others are <unk>, and captions end with </s>."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    vocabulary = {word: index for index, word in enumerate(("<pad>", "</s>", "<unk>", *WORDS))}
    rules = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    rules.pre_tokenizer = pre_tokenizers.Whitespace()
    rules.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=rules, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )
    tokenizer.save_pretrained(folder)
    config = T5Config(
        vocab_size=len(vocabulary),
        d_model=width,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = T5EncoderModel(config)
    network.save_pretrained(folder)
    return folder
