"""Janus and Emu3 around transformers' own classes. Nothing that works without transformers."""
