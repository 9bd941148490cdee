"""What a strategy would have done on recorded trajectories, without decoding. No statistics."""
