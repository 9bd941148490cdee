"""Seeds of a benchmark's images: distinct, and functions of the run's seed, the prompt and the number alone."""

from itertools import product

from scalingar.bench.image_seeds import image_seed


def test_no_two_images_of_a_benchmark_share_a_seed() -> None:
    names = [f"{number:05d}" for number in range(553)]
    seeds = [image_seed(seed, name, number) for seed, name, number in product((0, 1), names, range(4))]
    assert len(set(seeds)) == len(seeds) == 2 * 553 * 4
    assert all(0 <= seed < 2**53 for seed in seeds)


def test_a_seed_never_changes() -> None:
    assert image_seed(0, "00000", 0) == 585673901823710
    assert image_seed(7, "a photo of ünïcode", 3) == 927103326389037
