"""Kind ``llamagen_vq``: the image tokenizer in both directions."""

from collections.abc import Iterator

from scalingar.doctor.golden.golden_file import CHECKS, EXACT, IMAGES, Comparison, GoldenFile
from scalingar.models.llamagen.names import TOKENIZER_PARTS, part
from scalingar.models.llamagen.released import vq_config
from scalingar.models.llamagen.vq import VQTokenizer
from scalingar.models.weights.build_module import build_module


def build(file: GoldenFile) -> VQTokenizer:
    """The tokenizer with a file's weights, which determine its sizes."""
    weights = part(file.weights, TOKENIZER_PARTS)
    config = vq_config(weights, file.path)
    return build_module(lambda: VQTokenizer(config), weights, file.path)


@CHECKS.register("llamagen_vq")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """Latents, codes, codebook entries and pictures, if the file has them."""
    model = build(file)
    image = file["image"]
    height, width = image.shape[2] // model.downsample, image.shape[3] // model.downsample
    grid = (height, width)
    yield file.compare("indices", model.encode(image), EXACT)
    yield from file.compare_stored("h", model.latent(image), IMAGES)
    yield from file.compare_stored("quant", model.quantize.lookup(file["indices"], grid), IMAGES)
    yield file.compare("codebook_entry", model.quantize.lookup(file["codes"], grid), IMAGES)
    yield file.compare("decoded", model.decode(file["codes"], grid), IMAGES)
    yield from file.compare_stored("reconstruction", model.decode(file["indices"], grid), IMAGES)
