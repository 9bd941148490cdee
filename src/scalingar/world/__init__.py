"""The embedded world: what its prompts may say."""
