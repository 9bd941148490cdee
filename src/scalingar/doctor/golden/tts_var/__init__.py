"""Checks of TTS-VAR's decisions and runs against reference files."""
