import numpy as np
import pytest
import torch

from scalingar.policy.diversity import reduce_features, select_diverse
from tests.upstream import reference

SELECT = reference.load("tts_var_select")


def restated(tokens: np.ndarray) -> np.ndarray:
    centred = tokens - tokens.mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, values.argmax()]


def signed(features: np.ndarray, like: np.ndarray) -> np.ndarray:
    return features * np.sign((features * like).sum(1, keepdims=True))


def test_each_image_on_its_own_axis() -> None:
    tokens = SELECT["pca_8to6.tokens"]
    found = reduce_features(tokens, "per-image")
    expected = np.stack([restated(image) for image in tokens.double().numpy()])
    np.testing.assert_allclose(signed(found, expected), expected, atol=1e-4)
    np.testing.assert_allclose(found, signed(found, found))


def test_the_canonical_sign_follows_the_image() -> None:
    """An image seen through a slightly different lens keeps its sign; negated tokens keep theirs too."""
    tokens = SELECT["pca_8to6.tokens"]
    near = tokens + 1e-3 * torch.randn(tokens.shape, generator=torch.Generator().manual_seed(0))
    a, b, c = (reduce_features(some, "per-image") for some in (tokens, near, -tokens))
    assert ((a * b).sum(1) > 0).all()
    np.testing.assert_allclose(a, -c, atol=1e-4)


def test_one_axis_for_all() -> None:
    tokens = SELECT["pca_all_8to5.tokens"]
    found = reduce_features(tokens, "shared")
    expected = restated(tokens.double().flatten(0, 1).numpy()).reshape(8, -1)
    np.testing.assert_allclose(found * np.sign((found * expected).sum()), expected, atol=1e-4)


def test_pooling_and_features_without_tokens() -> None:
    tokens = SELECT["pool_8to3.tokens"]
    np.testing.assert_allclose(reduce_features(tokens, "pool"), tokens.numpy().mean(1), rtol=1e-6)
    rows = tokens[:, 0]
    np.testing.assert_array_equal(reduce_features(rows, "per-image"), rows.numpy())


def test_features_that_are_no_numbers() -> None:
    tokens = torch.zeros(3, 2, 2)
    tokens[1, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"images \[1\]"):
        reduce_features(tokens, "pool")


def test_one_of_each_cluster_the_nearest_to_its_centre() -> None:
    features = np.array([[0.0], [1.0], [1.2], [10.0], [10.1], [11.0], [50.0]], np.float32)
    assert sorted(select_diverse(features, 3).tolist()) == [1, 4, 6]


@pytest.mark.parametrize(("count", "expected"), [(2, {0, 3}), (3, {0, 3, 1}), (4, {0, 1, 2, 3})])
def test_fewer_different_rows_than_clusters(count: int, expected: set[int]) -> None:
    features = np.array([[0.0], [0.0], [0.0], [5.0]], np.float32)
    found = select_diverse(features, count).tolist()
    assert len(found) == count
    assert set(found) == expected


def test_all_rows_equal() -> None:
    assert sorted(select_diverse(np.ones((5, 2), np.float32), 3).tolist()) == [0, 1, 2]


def test_of_a_cluster_of_two_the_first_survives() -> None:
    features = np.array([[9.0, 0.3], [0.0, 0.1], [0.7, 0.2], [9.1, 0.9]], np.float32)
    assert sorted(select_diverse(features, 2).tolist()) == [0, 1]


@pytest.mark.parametrize("n", [4, 6, 8, 16])
@pytest.mark.parametrize("kind", ["spread", "pairs", "copies"])
def test_rounding_decides_no_survivor(n: int, kind: str) -> None:
    """Features that differ by a millionth, as those of two processors may, leave the same rows."""
    rng = np.random.default_rng(n)
    tokens = rng.normal(size=(n, 25, 12)) + 3 * rng.normal(size=(1, 25, 12))
    if kind != "spread":
        apart = 0.3 if kind == "pairs" else 0.0
        tokens[n // 2 :] = tokens[: n - n // 2] + apart * rng.normal(size=(n - n // 2, 25, 12))
    wanted = select_diverse(reduce_features(torch.tensor(tokens), "per-image"), max(2, n // 2))
    for _ in range(20):
        shaken = tokens * (1 + 1e-6 * rng.normal(size=tokens.shape))
        found = select_diverse(reduce_features(torch.tensor(shaken), "per-image"), max(2, n // 2))
        assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("count", [0, 4])
def test_impossible_counts(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} of 3 trajectories cannot be selected"):
        select_diverse(np.eye(3, dtype=np.float32), count)
