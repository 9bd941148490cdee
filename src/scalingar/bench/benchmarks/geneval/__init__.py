"""GenEval (Ghosh et al. 2023): objects, counts, colours and positions, checked by an object detector."""
