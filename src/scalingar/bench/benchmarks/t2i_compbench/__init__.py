"""T2I-CompBench and the judges that only it uses."""
