"""How a benchmark is run, kept, resumed and compared. No benchmark in particular."""
