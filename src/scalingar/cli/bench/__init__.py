"""``scalingar bench``: benchmarks on one or many strategies, and what runs left behind."""
