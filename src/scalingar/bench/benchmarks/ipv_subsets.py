"""Which prompts of IPV-Txt a still image can show. ScalingAR used such a subset and did not publish it."""

SPATIAL_IDS = (
    24, 42, 44, 57, 58, 72, 82, 84, 85, 88, 90, 93, 94, 95, 103, 107, 109, 112, 115, 119, 122, 137, 140, 144, 151, 175,
    177, 181, 183, 185, 187, 200, 201, 204, 205, 212, 213, 216, 219, 225, 226, 227, 229, 234, 235, 242, 248, 256, 257,
    258, 259, 266, 268, 273, 277, 278, 282, 283, 284, 286, 287, 289, 290, 298, 299, 300, 301, 305, 306, 308,
)  # fmt: skip
"""Prompts of which at least half of the videos are labelled "spatial" in the authors' video2taxonomy_label.json."""

_READ_AS_STILL = (
    25, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 43, 56, 59, 80, 81, 87, 89, 92, 96, 97, 98, 99, 102, 105, 106,
    110, 114, 116, 141, 142, 143, 145, 146, 150, 165, 166, 170, 179, 180, 182, 186, 189, 195, 209, 215, 217, 218,
    220, 221, 231, 233, 236, 241, 243, 245, 252, 254, 261, 269, 275, 280, 285, 295,
)  # fmt: skip
"""Further prompts whose impossible thing can be seen in one picture without knowing what came before or after: an
anvil that floats, a dog with two tails; not a glass that fills by itself. Chosen by reading, for this project."""

STILL_IDS = tuple(sorted(SPATIAL_IDS + _READ_AS_STILL))
PAPER_IDS = (43, 204, 245)
"""Those that ScalingAR (arXiv 2509.26376) shows: an aircraft on the sea, chopsticks as a pen, a floating sheep."""
SUBSETS = {"still": STILL_IDS, "spatial": SPATIAL_IDS, "paper": PAPER_IDS}
