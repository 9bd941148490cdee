"""Infinity: transformer, bitwise tokenizer, its schedules and published files. Nothing other families use."""
