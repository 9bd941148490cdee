"""Speed and memory, measured: each script prints medians over repeats and the machine it ran on."""
