"""Checks of the installation, and of the models against outputs of the official code."""
