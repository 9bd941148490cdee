"""How well linear probes of hidden states foretell the reward: ``python -m training.verifier.probe``.

Reads what :mod:`training.verifier.drawn.collect` stored. Every prompt is held out once in four parts of the prompts.
"""

import argparse

import numpy as np
from jaxtyping import Float

from scalingar.analysis.verifiers.examination import LENGTHS, Table, bellman_error, pairs_right, stops
from training.verifier.drawn.parts import STATES
from training.verifier.margin import with_margin
from training.workdir import add_work_dir, announce

FOLDS = 4
RIDGE = 1.0
"""Penalty, per trajectory, on standardised inputs."""


def held_out(inputs: Float[np.ndarray, "p n k d"], reward: Float[np.ndarray, "p n"]) -> Table:
    """Predictions of ridge regressions, one per length, on what a prompt's trajectories differ by.

    Inputs and rewards are centred within each prompt: what tells easy prompts from hard ones orders no pair.
    """
    result = np.zeros(inputs.shape[:3])
    fold = np.arange(len(reward)) % FOLDS
    target = reward - reward.mean(1, keepdims=True)
    for length in range(inputs.shape[2]):
        x = inputs[:, :, length].astype(np.float64)
        x = x - x.mean(1, keepdims=True)
        for part in range(FOLDS):
            train, test = fold != part, fold == part
            flat = x[train].reshape(-1, x.shape[-1])
            scale = flat.std(0) + 1e-9
            flat = flat / scale
            gram = flat.T @ flat + RIDGE * len(flat) * np.eye(flat.shape[1])
            weights = np.linalg.solve(gram, flat.T @ target[train].ravel())
            result[test, :, length] = (x[test] / scale) @ weights
    return result


def readings(data: dict[str, np.ndarray]) -> dict[str, Table]:
    """Predictions by name: the model's own signals, and probes."""
    steps = data["C"].shape[2]
    at = stops(steps)
    drawn = [min(round(share * steps), steps) for share in LENGTHS]
    confidence = data["C"][:, :, at]
    likelihood = np.stack([data["log_p"][:, :, :count].mean(2) for count in drawn], 2)
    signals = np.stack([confidence, likelihood], 3)
    reward = data["reward"]
    return {
        "confidence C": confidence,
        "mean log-likelihood": likelihood,
        "probe of the last state": held_out(data["last"], reward),
        "probe of the mean state": held_out(data["mean"], reward),
        "probe of C and log-likelihood": held_out(signals, reward),
        "probe of all of these": held_out(np.concatenate([data["last"], data["mean"], signals], 3), reward),
        "the reward": np.repeat(reward[:, :, None], len(LENGTHS), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_work_dir(parser)
    args = parser.parse_args()
    data = STATES.load(args.work_dir).columns
    told = readings(data)
    announce(f"{len(data['reward'])} prompts, {data['reward'].shape[1]} trajectories each")
    for truth, title in (("reward", "ordered by the reward"), ("right", "right and wrong by the detector")):
        announce(f"share of right pairs within a prompt, {title}, at {', '.join(f'{share:g}' for share in LENGTHS)}")
        for name, values in told.items():
            shares = [pairs_right(values[:, :, length], data[truth]) for length in range(len(LENGTHS))]
            announce(f"  {name:30s}" + "".join(f"{with_margin(part):>15s}" for part in shares))
    for name in told:
        if name.startswith("probe"):
            errors = bellman_error(told[name], data["reward"])
            announce(f"Bellman error, {name}: {', '.join(f'{error:.2f}' for error in errors)}")


if __name__ == "__main__":
    main()
