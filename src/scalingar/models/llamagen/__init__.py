"""LlamaGen and AR-GRPO: next-token transformer, cache, VQ tokenizer, published files. Nothing other families use."""
