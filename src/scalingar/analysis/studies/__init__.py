"""Studies of finished runs, one per file. Nothing that two studies share."""
