"""Replays of strategies on recorded trajectories, without decoding. No statistics."""
