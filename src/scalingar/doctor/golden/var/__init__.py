"""Checks of VAR's parts against reference files."""
