"""Checks of Infinity's parts against reference files."""
