"""Settings of a benchmark, as they stand on the command line."""

from typing import Any


def settings_of(benchmark: str, words: list[str], *, embedded: bool) -> dict[str, Any]:
    """Benchmark settings; images of the embedded world are judged by its own detector unless told otherwise."""
    from scalingar.bench import BENCHMARKS  # noqa: PLC0415
    from scalingar.pipeline.overrides import merged  # noqa: PLC0415
    from scalingar.pipeline.recipe import parse_overrides  # noqa: PLC0415

    positional, given = BENCHMARKS[benchmark].positional, {}
    if positional is not None and words and "=" not in words[0]:
        given, words = {positional: words[0]}, words[1:]
    values = given | parse_overrides(words, _example(list(BENCHMARKS[benchmark].settings.model_fields)))
    detects = "detector" in BENCHMARKS[benchmark].settings.model_fields
    if embedded and detects and values.get("detector", "embedded") == "embedded":
        values = {"detector": "embedded", "colors": "detector", **values}
    return merged({}, values)


def _example(names: list[str]) -> str:
    """Of a setting of a benchmark that has these."""
    return "detector=embedded" if "detector" in names else f"{names[0]}=VALUE" if names else "model.dtype=bf16"
