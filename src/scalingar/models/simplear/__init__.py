"""SimpleAR: a Qwen2 decoder by transformers, and the part of Cosmos' video tokenizer that draws a single frame."""
