"""Runs a strategy on a live batch. No strategies: those are one folder up, a file each."""
