import torch

from scalingar.core import transfer
from scalingar.core.transfer import to_device, to_host


def test_nothing_moves_on_the_cpu() -> None:
    before, tensor = dict(transfer.COUNTS), torch.arange(3)
    assert to_device(tensor, torch.device("cpu")) is tensor
    assert to_host(tensor) is tensor
    assert before == transfer.COUNTS


def test_a_transfer_is_counted() -> None:
    before = transfer.COUNTS["to_device"]
    assert to_device(torch.arange(3), torch.device("meta")).is_meta
    assert transfer.COUNTS["to_device"] == before + 1
