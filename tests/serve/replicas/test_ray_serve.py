"""How many replicas are asked for. A cluster of them is started by ``python -m speed.replicas`` only."""

import pytest

from scalingar.core.errors import ConfigError
from scalingar.serve.replicas.ray_serve import ReplicaSettings


def test_as_many_as_are_named_or_between_two_numbers() -> None:
    assert ReplicaSettings.of({"replicas": 3}).most == 3
    assert ReplicaSettings.of({"replicas": 1, "max_replicas": 4}).most == 4


@pytest.mark.parametrize(
    "settings", [{"replicas": 0}, {"replicas": 3, "max_replicas": 2}, {"gpus_per_replica": -1.0}, {"many": 1}]
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        ReplicaSettings.of(settings)
