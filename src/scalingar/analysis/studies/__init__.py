"""One question to finished runs per file. Nothing that two studies share."""
