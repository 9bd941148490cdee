"""Convolutional encoders and decoders that several image tokenizers are built of. No quantisers."""
