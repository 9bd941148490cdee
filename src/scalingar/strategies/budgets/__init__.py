"""Strategies that decide while they draw how many trajectories an image gets."""
