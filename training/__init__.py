"""How the embedded models were made: art, scenes, tokenizer, transformer. Run with ``make train``."""
