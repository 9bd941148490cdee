"""The tables of LlamaGen's and AR-GRPO's weights."""

from scalingar.models.llamagen.releases import RELEASES


def test_table_is_consistent() -> None:
    for repo, variants in RELEASES.items():
        for name, entry in variants.items():
            pixels = int(name.rsplit("-", 1)[1])
            assert entry.grid == (pixels // 16, pixels // 16)
            assert (entry.file is None) == repo.startswith(("jadohu/", "CSshihao/"))
            if entry.file is not None:
                assert f"_{pixels}.pt" in entry.file
            assert entry.tokenizer_file in (None, f"vq_ds16_{name[:3]}.pt")


def test_variants_of_the_official_repository() -> None:
    variants = RELEASES["FoundationVision/LlamaGen"]
    assert sorted(variants) == [
        "c2i-3b-384",
        "c2i-b-256",
        "c2i-b-384",
        "c2i-l-256",
        "c2i-l-384",
        "c2i-xl-384",
        "c2i-xxl-384",
        "t2i-xl-256",
        "t2i-xl-512",
    ]
    large, size = variants["t2i-xl-512"], variants["c2i-3b-384"]
    assert (large.repo, large.file, large.grid) == ("peizesun/llamagen_t2i", "t2i_XL_stage2_512.pt", (32, 32))
    assert (size.repo, size.file) == ("FoundationVision/LlamaGen", "c2i_3B_384.pt")
    assert RELEASES["CSshihao/AR-GRPO_C2I_L_384"]["c2i-l-384"].grid == (24, 24)
