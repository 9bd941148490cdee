"""Errors, files, registries and results, shared by all packages and importing none. Nothing that only one needs."""
