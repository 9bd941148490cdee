"""One's own prompts: reading them from files, and scoring their images by rewards that chose none of them."""
