"""Analyses of complete runs: replays of strategies without decoding, and studies of signals, cuts and costs.

In a complete run all trajectories were finished at one guidance scale, judged and traced. From it every strategy can be
computed that decides only which trajectories go on and which image is handed out: each trajectory has noise of its own,
so its image does not depend on the others.
"""
