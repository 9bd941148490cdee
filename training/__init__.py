"""Training of the embedded models: art, scenes, tokenizers, transformers, judges. Run with ``make train``."""
