"""VAR: transformer, multi-scale tokenizer, published files. Nothing other families use."""
