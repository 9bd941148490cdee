"""Models that run through transformers: Janus and Emu3, and image preprocessing for CLIP. No other networks."""
