"""T2I-CompBench and the judges that no other benchmark uses."""
