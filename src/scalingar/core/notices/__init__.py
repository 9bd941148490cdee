"""Warnings, as those hear of them whom they are about."""
