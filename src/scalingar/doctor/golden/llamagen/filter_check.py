"""Kind ``llamagen_filter``: top-k and top-p, arrays ``filt_k<k>_p<p>`` of ``logits``."""

import re
from collections.abc import Iterator

from scalingar.core.sampling_config import SamplingConfig
from scalingar.decoding.sampling import filter_logits
from scalingar.doctor.golden.golden_file import CHECKS, EXACT, Comparison, GoldenFile

_NAME = re.compile(r"filt_k(\d+)_p(\d*\.?\d+)")


@CHECKS.register("llamagen_filter")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Every filtered array must be equal: logits that are kept bit for bit, the others ``-inf``."""
    for name in file.arrays:
        if match := _NAME.fullmatch(name):
            config = SamplingConfig(top_k=int(match[1]), top_p=float(match[2]))
            yield file.compare(name, filter_logits(file["logits"], config), EXACT)
