"""NumPy on the CPU and PyTorch elsewhere compute the same; here both are on the CPU."""

import numpy as np
import torch

from scalingar.profile.vocabulary_ops import as_values, exp, gather, largest, vecdot

VALUES = torch.randn(2, 3, 11, generator=torch.Generator().manual_seed(0))


def test_on_the_cpu_the_values_are_an_array_that_shares_their_memory() -> None:
    values = VALUES.clone()
    array = as_values(values)
    assert isinstance(array, np.ndarray)
    values[0, 0, 0] = 7
    assert array[0, 0, 0] == 7


def test_both_forms_agree() -> None:
    one, other = VALUES[0], VALUES[1]
    arrays = one.numpy(), other.numpy()
    np.testing.assert_allclose(exp(arrays[0]), exp(one), rtol=1e-6)
    np.testing.assert_allclose(vecdot(*arrays), vecdot(one, other), rtol=1e-5)
    np.testing.assert_array_equal(largest(arrays[0], 4), largest(one, 4))
    rows, tokens = np.array([2, 0]), torch.tensor([10, 3])
    np.testing.assert_array_equal(gather(VALUES.numpy(), rows, tokens), gather(VALUES, rows, tokens))


def test_worked_by_hand() -> None:
    values = torch.tensor([[3.0, 1.0, 2.0]])
    for form in (values, values.numpy()):
        assert largest(form, 2).tolist() == [[2.0, 3.0]]
        assert vecdot(form, form).tolist() == [14.0]
        assert gather(form[None], np.array([0]), torch.tensor([2])).tolist() == [[2.0]]
