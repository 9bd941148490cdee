"""Who computes the shards of a run, and where: this process, its threads, or workers of ray. None of them writes."""
