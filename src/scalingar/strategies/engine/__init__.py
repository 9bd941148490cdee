"""Runs a strategy on a live batch. No method of its own: those lie one floor up, a file each."""
