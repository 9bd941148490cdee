"""What decoding costs on a GPU, with random weights of published sizes: ``python -m speed.device --out FOLDER``."""
