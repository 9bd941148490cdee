"""Strategies that look with a verifier at hidden states. Those that can also do without one are elsewhere."""
