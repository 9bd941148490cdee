"""The two ways in which autoregressive image models decode."""

from typing import Literal

Decoding = Literal["next-token", "next-scale"]
"""One code per step, or all tokens of one scale per step."""
