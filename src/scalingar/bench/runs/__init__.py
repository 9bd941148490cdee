"""Running, storing, resuming and comparing benchmarks. Nothing about a particular benchmark."""
