"""Kind ``tts_var_e2e``: the released TTS-VAR loop on a small Infinity, compared with this package's engine.

The weights of the models are in files of their own beside this one; reward and feature are small formulas.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from scalingar.core.errors import WeightsError
from scalingar.core.outputs import Ledger
from scalingar.core.sampling_config import SamplingConfig
from scalingar.doctor.golden.golden_file import (
    CHECKS,
    EXACT,
    IMAGES,
    ROTARY,
    Comparison,
    GoldenFile,
    difference,
)
from scalingar.doctor.golden.infinity import transformer_check as infinity_model
from scalingar.doctor.golden.infinity import vae_check as infinity_vae
from scalingar.doctor.golden.infinity.image_checks import ONE_LEVEL, truncated
from scalingar.doctor.golden.infinity.rope_check import grid_rows
from scalingar.doctor.golden.tts_var.replay_check import Recorded, RecordingDecoder, RecordingNoise, Replay, Replayed
from scalingar.doctor.golden.tts_var.select_check import weights_comparison
from scalingar.models.infinity.bsq_vae import BSQTokenizer
from scalingar.models.infinity.transformer import Infinity
from scalingar.policy.diversity import clustered
from scalingar.rewards.features.dinov2 import preprocess
from scalingar.rewards.reward import FunctionReward
from scalingar.strategies import BestOfN, Strategy
from scalingar.strategies.engine.engine import Engine
from scalingar.strategies.engine.looks import ImageLooks

_SAMPLING = SamplingConfig(top_k=900, top_p=0.97)
"""Fixed in the released code."""
_SCORES, _WEIGHTS, _FEATURES = 1e-4, 1e-3, 5e-3
"""Tolerances that follow from ``ONE_LEVEL``: of mean levels, of their e^10 (relative), of projected patches."""


@CHECKS.register("tts_var_e2e")
def check(file: GoldenFile) -> Iterator[Comparison]:
    """The search, then best-of-n under the same seed."""
    model, tokenizer = _models(file)
    replay = _replay(file)
    search = Replayed.of(replay)
    plan = search.plan(len(model.scales))
    yield file.compare("schedule", grid_rows(model.scales), EXACT)
    yield file.compare("bs_sis", torch.tensor(plan.schedule.after), EXACT)
    yield file.compare("live_batch_run", torch.tensor(plan.schedule.live), EXACT)
    engine = _run(replay, model, tokenizer, search)
    yield from _codes(file, "", replay.recorded)
    yield from _noise(file, replay.recorded)
    yield from _selection(file, replay.recorded)
    yield from _outcome(file, replay.recorded, engine)
    if "bon.winner" in file:
        replay = _replay(file)
        best = BestOfN(num_trajectories=file.config["bon_n"], reward="formula")
        engine = _run(replay, model, tokenizer, best)
        yield from _codes(file, "bon.", replay.recorded)
        yield file.compare("bon.final_summed_codes", replay.recorded.last_latent, IMAGES)
        yield file.compare("bon.scores", _final_rewards(engine).float(), _SCORES)
        yield file.compare("bon.winner", torch.tensor(engine.results[0].chosen), EXACT)


def _replay(file: GoldenFile) -> Replay:
    return Replay(file, Recorded(), torch.Generator().manual_seed(file.meta["g_seed_used"]))


def _models(file: GoldenFile) -> tuple[Infinity, BSQTokenizer]:
    """The models of the files that are named in this one and lie beside it. Raises WeightsError."""
    companions = [file.companion(name) for name in file.meta.get("weights_files", [])]
    parts = {weights.kind: weights for weights in companions}
    if missing := {"infinity", "infinity_vae"} - set(parts):
        raise WeightsError(f"{file.path} names no weights of kind {min(missing)}; it should in its meta_json.")
    model = infinity_model.build(parts["infinity"])
    return model, BSQTokenizer.for_tokens(infinity_vae.build(parts["infinity_vae"]), model.schedule, model.groups)


def _run(replay: Replay, model: Infinity, tokenizer: BSQTokenizer, strategy: Strategy) -> Engine:
    """The engine after a whole run."""
    file = replay.file
    decoder = RecordingDecoder(
        model=model,
        tokenizer=tokenizer,
        sampling=_SAMPLING.model_copy(update={"temperature": float(file.config["tau"])}),
        recorded=replay.recorded,
    )
    looks = ImageLooks(
        decoder.pictures,
        Ledger(),
        FunctionReward(partial(_reward, file)),
        "formula",
        partial(_features, file),
        to_images=truncated,
    )
    engine = Engine(
        decoder,
        strategy,
        float(file.config["cfg"]),
        looks,
        streams=lambda seeds, indices: RecordingNoise(replay.generator, replay.recorded),
    )
    condition = model.condition(file["text_kv"][None])
    for _ in engine.run(["prompt"], lambda prompts: condition, [0]):
        pass
    return engine


def _reward(file: GoldenFile, prompt: str, images: list[Image.Image]) -> list[float]:
    """Σ_c weight_c · mean of channel c in [0, 1] − offset."""
    means = [np.asarray(image, np.float64).mean(axis=(0, 1)) / 255 for image in images]
    return [float(mean @ file["reward_rgb"].numpy()) - file.config["reward_offset"] for mean in means]


def _features(file: GoldenFile, images: Sequence[Image.Image]) -> Float[Tensor, "n t d"]:
    """Patches of DINOv2's input, projected."""
    return F.unfold(preprocess(images), 14, stride=14).mT @ file["feature_proj"]


def _codes(file: GoldenFile, prefix: str, recorded: Recorded) -> Iterator[Comparison]:
    for scale, codes in enumerate(recorded.codes):
        yield file.compare(f"{prefix}bits_{scale}", codes.to(torch.uint8), EXACT)


def _noise(file: GoldenFile, recorded: Recorded) -> Iterator[Comparison]:
    for scale, noise in recorded.noise.items():
        stored = file[f"noise_{scale}"]
        yield file.compare(f"noise_{scale}", noise.view(len(noise), *stored.shape[1:]), ROTARY)


def _selection(file: GoldenFile, recorded: Recorded) -> Iterator[Comparison]:
    """Compare the inputs and results of each pruning."""
    for scale, features in recorded.features.items():
        yield file.compare(f"features_{scale}", torch.from_numpy(features), _FEATURES)
        labels, _ = clustered(features, len(file[f"selected_{scale}"]), seed=0)
        yield file.compare(f"labels_{scale}", torch.from_numpy(labels).long(), EXACT)
        yield file.compare(f"selected_{scale}", torch.from_numpy(recorded.rows[scale]), EXACT)
    for scale, rewards in recorded.rewards.items():
        yield file.compare(f"scores_{scale}", torch.from_numpy(rewards).float(), _SCORES)
        yield weights_comparison(file, f"weights_{scale}", recorded.weights[scale], tolerance=_WEIGHTS)
    for scale, rows in recorded.rows.items():
        yield file.compare(f"replace_ids_{scale}", torch.from_numpy(rows), EXACT)


def _outcome(file: GoldenFile, recorded: Recorded, engine: Engine) -> Iterator[Comparison]:
    """Compare the final latents, pictures and rewards, which are the last column of the otherwise empty table."""
    result, last = engine.results[0], len(file["schedule"]) - 1
    finished = [candidate for candidate in result.candidates if candidate.finished]
    rewards = _final_rewards(engine)
    table = torch.zeros(len(finished), last + 1)
    table[:, last] = rewards
    logs = file.config["lam"] * rewards.numpy()
    pictures = np.stack([np.asarray(candidate.image)[..., ::-1] for candidate in finished])
    yield file.compare(f"scores_{last}", rewards.float(), _SCORES)
    yield weights_comparison(file, f"weights_{last}", logs, tolerance=_WEIGHTS)
    yield file.compare("final_scores_record", table, _SCORES)
    yield file.compare("final_summed_codes", recorded.last_latent, IMAGES)
    levels = difference(file["final_img_u8_bgr"].float(), torch.from_numpy(pictures).float())
    yield Comparison("final_img_u8_bgr", levels, ONE_LEVEL)
    chosen = [candidate.index for candidate in finished].index(result.chosen)
    yield file.compare("winner", torch.tensor(chosen), EXACT)


def _final_rewards(engine: Engine) -> Float[Tensor, " n"]:
    finished = [candidate for candidate in engine.results[0].candidates if candidate.finished]
    return torch.tensor([candidate.rewards["formula"] for candidate in finished], dtype=torch.float64)
