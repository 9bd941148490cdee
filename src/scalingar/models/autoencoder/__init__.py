"""The convolutional encoder and decoder shared by the image tokenizers. No quantisers."""
