"""What complete runs say: replays of strategies without decoding, and figures about signals, cuts and costs.

A run whose trajectories all finished at one guidance scale, each of them judged and traced, holds every strategy that
only decides which trajectories go on and which image is handed out: the noise of a trajectory is its own, so its image
is the same whatever became of the others.
"""
