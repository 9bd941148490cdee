"""Networks that turn prompts and codes into logits and pixels, a folder per family. No loop and no decisions."""
