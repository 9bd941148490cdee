"""What is seen at codes is computed once, and of each codes anew."""

from pathlib import Path

import torch

from training.verifier.seen import remembered


def test_other_codes_at_the_same_place_are_looked_at_again(tmp_path: Path) -> None:
    looked: list[list[list[int]]] = []

    def see(codes: torch.Tensor) -> torch.Tensor:
        looked.append(codes.tolist())
        return 10 * codes

    first, second = torch.tensor([[1, 2]]), torch.tensor([[1, 3]])
    told = [remembered(tmp_path, codes, see).tolist() for codes in (first, second, first)]
    assert told == [[[10, 20]], [[10, 30]], [[10, 20]]]
    assert looked == [[[1, 2]], [[1, 3]]]
