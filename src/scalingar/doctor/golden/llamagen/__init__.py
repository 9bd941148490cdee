"""Checks of LlamaGen's parts against reference files."""
