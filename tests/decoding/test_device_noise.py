"""What device noise has beside the host's streams; what both have is in test_noise.py."""

from typing import Any

import numpy as np
import pytest
import torch

from scalingar.decoding.device_noise import DeviceNoise, device_exponential
from scalingar.decoding.noise import TrajectoryNoise

CPU = torch.device("cpu")
ROWS = torch.tensor([2, 0, 0])


def same_state(ours: DeviceNoise, hosts: TrajectoryNoise) -> bool:
    return np.array_equal(ours.keys, hosts.keys) and np.array_equal(ours.forks, hosts.forks)


def test_keys_are_those_of_the_host_whatever_happens_to_the_rows() -> None:
    ours, hosts = DeviceNoise.streams(5, [0, 1, 2]), TrajectoryNoise.streams(5, [0, 1, 2])
    assert same_state(ours, hosts)
    assert same_state(ours.select(ROWS), hosts.select(ROWS))
    assert same_state(ours.branch(ROWS, [3, 4, 5]), hosts.branch(ROWS, [3, 4, 5]))
    assert same_state(ours.join(ours.select(ROWS)), hosts.join(hosts.select(ROWS)))
    assert same_state(
        ours.overwrite(ROWS[:2], ours.branch(ROWS[:2], [7, 8])),
        hosts.overwrite(ROWS[:2], hosts.branch(ROWS[:2], [7, 8])),
    )


@pytest.mark.parametrize("name", ["select", "join", "overwrite", "branch"])
def test_every_change_gives_device_noise_with_keys_of_its_own(name: str) -> None:
    noise = DeviceNoise.streams(5, [0, 1, 2])
    noise.device_keys(CPU)
    changed = {
        "select": lambda: noise.select(ROWS),
        "join": lambda: noise.join(DeviceNoise.streams(6, [0])),
        "overwrite": lambda: noise.overwrite(torch.tensor([1]), DeviceNoise.streams(6, [0])),
        "branch": lambda: noise.branch(ROWS, [3, 4, 5]),
    }[name]()
    assert type(changed) is DeviceNoise
    expected = [[int(word) % 2**32, int(word) // 2**32] for word in changed.keys[:, 0]]
    assert changed.device_keys(CPU).tolist() == expected
    assert len(changed.exponential(torch.zeros(len(expected), dtype=torch.long), 3, CPU)) == len(expected)


@pytest.mark.parametrize("kind", [DeviceNoise, TrajectoryNoise])
def test_greedy_rows_have_ones_beside_others_and_continue_under_keys_of_their_own(kind: Any) -> None:
    noise, steps = kind.streams(5, [0, 1]), torch.tensor([2, 2, 2, 2])
    greedy = noise.branch(torch.tensor([1]), [7], greedy=True)
    both = noise.join(greedy).select(torch.tensor([2, 0, 1, 2]))
    drawn = both.exponential(steps, 6, CPU)
    assert both.greedy.tolist() == [True, False, False, False]
    assert (drawn[0] == 1).all()
    assert torch.equal(drawn[1:3], noise.exponential(steps[:2], 6, CPU))
    assert not (drawn[3] == 1).any(), "a copy draws"
    later = greedy.branch(torch.tensor([0]), [8])
    other = kind.streams(6, [0, 1]).branch(torch.tensor([1]), [7], greedy=True).branch(torch.tensor([0]), [8])
    assert not np.array_equal(later.keys, other.keys), "seeds stay apart"
    assert noise.overwrite(torch.tensor([0]), greedy).greedy.tolist() == [True, False]


def test_keys_are_uploaded_once() -> None:
    noise = DeviceNoise.streams(0, [0, 1])
    assert noise.device_keys(CPU) is noise.device_keys(CPU)
    assert noise.device_keys(torch.device("meta")).is_meta


def test_noise_is_made_from_the_keys_on_the_device() -> None:
    noise, steps = DeviceNoise.streams(3, [0, 1]), torch.tensor([4, 9])
    assert torch.equal(noise.exponential(steps, 10, CPU), device_exponential(noise.device_keys(CPU), steps, 10))


def test_it_is_not_the_hosts_noise() -> None:
    steps = torch.tensor([4])
    ours, hosts = (kind.streams(3, [0]).exponential(steps, 10, CPU) for kind in (DeviceNoise, TrajectoryNoise))
    assert not (ours == hosts).any()


def test_the_streams_are_pinned() -> None:
    """A seed means the same image tomorrow: these numbers may only change with the major version."""
    noise = DeviceNoise.for_prompts([0, 12345], [[0], [3]])
    at_255 = noise.exponential(torch.tensor([255, 255]), 3, CPU)
    copies = noise.select(torch.tensor([1, 1])).exponential(torch.tensor([7, 7]), 3, CPU)
    expected = [
        [1.4590919, 0.2428637, 0.1343550],
        [0.2791452, 3.0908506, 0.1063626],
        [0.1914958, 0.6000850, 1.7913318],
        [0.1078151, 0.1711555, 0.4638765],
    ]
    torch.testing.assert_close(torch.cat([at_255, copies]), torch.tensor(expected), atol=1e-6, rtol=0)
