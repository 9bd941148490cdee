"""What decides the bytes of what an analysis draws, beside its prompts and seed: as the plan of a run says it."""

from typing import Any

from scalingar.bench.runs.shard import Prepared
from scalingar.pipeline.pipeline import ImagePipeline
from scalingar.pipeline.recipe import Recipe
from scalingar.strategies import Strategy


def drawn_by(pipe: ImagePipeline, strategy: Strategy) -> dict[str, Any]:
    """Model, settings of loading with the commits that were read, noise and machine, as JSON.

    The strategy's reward is loaded, so that its commit is among them. Raises ConfigError, WeightsError.
    """
    prepared = Prepared.of(pipe, Recipe.from_dict({"model": pipe.choice, "strategy": strategy}))
    told = prepared.recipe.model_dump(mode="json", include={"noise", "guidance_scale", "sampling", "looks_per_batch"})
    return {
        "model": pipe.name,
        "model_settings": prepared.recipe.model.model_dump(mode="json"),
        "weights": prepared.weights,
        **told,
        "device_kind": prepared.device_kind,
        "versions": prepared.versions,
    }
