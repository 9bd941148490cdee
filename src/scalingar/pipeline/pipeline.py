"""``ImagePipeline``: prompts in, images out, with a strategy of choice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from inspect import signature
from itertools import accumulate
from pathlib import Path
from typing import Any, Never, Self, cast

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from scalingar.core.decoding_kind import Decoding
from scalingar.core.errors import ConfigError
from scalingar.core.outputs import Candidate, Ledger, PromptResult
from scalingar.core.pixels import rounded
from scalingar.core.sampling_config import SamplingConfig
from scalingar.core.validation import shown
from scalingar.decoding.contracts import ImageTokenizer, LoadsLater, NextScaleModel, NextTokenModel, ScaleTokenizer
from scalingar.decoding.device_noise import DeviceNoise
from scalingar.decoding.next_scale import NextScaleDecoder
from scalingar.decoding.next_token import NextTokenDecoder
from scalingar.decoding.noise import TrajectoryNoise
from scalingar.models.family import Family, default_strategy
from scalingar.models.prompts.encoders import PromptEncoder, check_prompts
from scalingar.models.weights.hub import at_commits, split_revision
from scalingar.pipeline.arguments import FOREIGN_METHODS, MOST_IMAGES, prompts_of, refuse, seeds_of, whole
from scalingar.pipeline.bar import followed
from scalingar.pipeline.loading import load
from scalingar.pipeline.model_choice import PYTHON, ModelChoice
from scalingar.pipeline.output import OUTPUT_TYPES, ImageOutput, OutputType
from scalingar.pipeline.recipe import NoiseSource, Recipe
from scalingar.pipeline.stream import Stream
from scalingar.rewards import REWARDS, PixelReward, Reward, build_reward
from scalingar.rewards.features import FEATURES, Feature, make_feature
from scalingar.rewards.verifiers import Verifier, head_hash, with_verifier
from scalingar.strategies import Strategy
from scalingar.strategies.build_strategy import build_strategy, with_trajectories
from scalingar.strategies.engine.engine import Engine
from scalingar.strategies.engine.looks import ImageLooks
from scalingar.strategies.setting import Setting
from scalingar.strategies.strategy import check_serves

StepCallback = Callable[["ImagePipeline", int, int, dict[str, Any]], Any]
"""Called with the pipeline, the step, the number of steps and the step's values; its result is ignored."""


@dataclass(repr=False)
class ImagePipeline:
    """A transformer, its tokenizer, its way of reading prompts, and its defaults."""

    name: str
    model: NextTokenModel | NextScaleModel
    tokenizer: ImageTokenizer | ScaleTokenizer
    encode_prompts: PromptEncoder
    guidance_scale: float
    sampling: SamplingConfig
    hashes: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the weight files."""
    device: str | torch.device = "cpu"
    """Of the transformer; learned rewards run there too, in fp32."""
    family: Family | None = None
    """None for a pipeline assembled in Python."""
    own_reward: str | None = None
    """The reward named in the model's folder, for strategies that need one and name none."""
    own_verifier: str | None = None
    """The verifier named there, likewise."""
    choice: ModelChoice | None = None
    """The loading settings, for recipes; for a pipeline assembled in Python a name that cannot be loaded."""
    _rewards: dict[tuple[str, int], Reward] = field(default_factory=dict, init=False, repr=False)
    _features: dict[tuple[str, int], Feature] = field(default_factory=dict, init=False, repr=False)
    """By name, and how often a definition among them was replaced: what was made of an older one is not used."""
    _verifiers: dict[str, Verifier] = field(default_factory=dict, init=False, repr=False)
    _commits: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.choice is None:
            self.choice = ModelChoice(name=PYTHON + self.name, device=str(self.device))

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path = "embedded",
        *,
        device: str | torch.device = "cpu",
        dtype: str | torch.dtype = "fp32",
        **options: Any,
    ) -> Self:
        """Load a model with its authors' guidance scale and sampling. The tokenizer always runs in fp32.

        Args:
            model: ``"embedded"``, ``"embedded-next-scale"``, a weight file, a folder, or a name on the hub such as
                ``"FoundationVision/LlamaGen"`` (also with the variant, ``"FoundationVision/LlamaGen:t2i-xl-512"``).
            device: of the transformer and the text encoder.
            dtype: of both: ``"fp32"``, ``"bf16"``, ``"fp16"``, or torch's own.
            options: of the model's family, such as ``variant``, ``tokenizer`` or ``text_encoder``; ``scalingar ls
                models`` lists them with their meaning. None leaves an option unset. A function as ``text_encoder``
                reads prompts instead; recipes with it cannot be repeated.

        Raises:
            WeightsError: something is missing, damaged, or its parts do not belong together.
            ConfigError: an option that does not exist or does not fit the model.
        """
        return cls.load(ModelChoice.from_dict({**options, "name": model, "device": device, "dtype": dtype}))

    @classmethod
    def load(cls, choice: ModelChoice) -> Self:
        """The model of a recipe. Raises as :meth:`from_pretrained` does."""
        choice.check_loadable()
        choice.check_device()
        commits = dict(choice.revisions)
        with at_commits(commits):
            loaded = load(choice.for_loading())
        pipe = cls(
            name=loaded.name,
            model=loaded.model,
            tokenizer=loaded.tokenizer,
            encode_prompts=loaded.encode_prompts,
            guidance_scale=loaded.guidance_scale,
            sampling=loaded.sampling,
            hashes=dict(loaded.hashes),
            family=loaded.family,
            own_reward=loaded.reward,
            own_verifier=loaded.verifier,
            device=choice.device,
            choice=choice if loaded.hub_name is None else choice.model_copy(update={"name": loaded.hub_name}),
        )
        pipe._commits = commits  # the same object, which a text encoder that is loaded later adds to
        return pipe

    def __repr__(self) -> str:
        """One line, without the network's modules."""
        return f"<ImagePipeline: {self.name}, {self.decoding}, on {self.device}>"

    @property
    def choice_as_read(self) -> ModelChoice:
        """The loading settings with the commits of everything that was read from the hub until now, for recipes."""
        assert self.choice is not None
        own = split_revision(self.choice.name)
        others = {name: commit for name, commit in self._commits.items() if (name, commit) != own}
        return self.choice.model_copy(update={"revisions": others})

    def to(self, device: str | int | torch.device | torch.dtype | None = None, dtype: Any = None) -> Self:
        """Move the model to another device, or to another dtype, and return this pipeline, as diffusers does.

        It is loaded again, of the commits that were read before, so that it is the same as
        ``from_pretrained(..., device=device, dtype=dtype)`` makes.

        Raises:
            ConfigError: the device is not available, or the pipeline was put together in Python.
        """
        if isinstance(device, torch.dtype):
            device, dtype = None, device
        assert self.choice is not None
        settings = {
            "name": self.choice.name,
            "device": self.choice.device,
            "dtype": self.choice.dtype,
            "revisions": self.choice_as_read.revisions,
        }
        wanted = {"device": device, "dtype": dtype}
        choice = ModelChoice.from_dict(
            {**settings, **self.choice.options, **{key: value for key, value in wanted.items() if value is not None}}
        )
        if (choice.device, choice.dtype) != (self.choice.device, self.choice.dtype):
            if choice.name.startswith(PYTHON):
                raise ConfigError(f"{self.name} was put together in Python; put it together on {choice.device} again.")
            moved = type(self).load(choice)
            for part in fields(self):
                setattr(self, part.name, getattr(moved, part.name))
        return self

    def __getattr__(self, name: str) -> Never:
        """Called for what there is not. Raises AttributeError: one sentence for what pipelines of diffusers have."""
        told = FOREIGN_METHODS.get(name)
        raise AttributeError(f"{name} {told}." if told else f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def decoding(self) -> Decoding:
        """How the model decodes."""
        return self.decoder().decoding

    @property
    def grids(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of tokens of each scale, coarse to fine; of a next-token model the only one, or its
        preview's and that one."""
        decoder = self.decoder()
        return decoder.scales or (decoder.grid,) if decoder.preview is None else (decoder.preview, decoder.grid)

    def __call__(
        self,
        prompt: str | int | Sequence[str | int],
        *,
        strategy: str | Mapping[str, Any] | Strategy | None = None,
        num_trajectories: int | None = None,
        num_images_per_prompt: int = 1,
        seed: int | Sequence[int] | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        noise: NoiseSource | None = None,
        guidance_scale: float | None = None,
        sampling: SamplingConfig | Mapping[str, Any] | None = None,
        looks_per_batch: int | None = None,
        max_rows: int | None = None,
        output_type: OutputType = "pil",
        callback_on_step_end: StepCallback | None = None,
        progress: bool = False,
        **others: Any,
    ) -> ImageOutput:
        """Generate, prompt-major as diffusers does.

        Args:
            prompt: one prompt or several; several are decoded in one live batch. A number is a class label.
            strategy: a name (see ``scalingar ls``), a configured strategy, or settings as in a recipe,
                ``{"name": "best-of-n", "reward": "embedded"}``; None: scaling-ar, or tts-var for a next-scale model.
            num_trajectories: N; overrides the strategy's own.
            num_images_per_prompt: images of each prompt; repeat ``j`` is the image of ``seed + j``.
            seed: keys every trajectory's noise, together with its index; or a seed for each image. None: 0.
            generator: a ``torch.Generator`` in place of a seed, or one for each image. Only its first seed is read:
                the same one gives the same image again.
            noise: made on the ``"host"``, so that every device draws the same images as a CPU, or on the ``"device"``,
                which costs a GPU less; None: ``"host"`` for a model on the CPU, else ``"device"``.
            guidance_scale: s_base; the model's default if None; guidance is off at 1 or less.
            sampling: temperature, top-k, top-p; unset values are the model's.
            looks_per_batch: pictures decoded, and looked at by a network, at once, which costs memory; 1 on the CPU,
                8 elsewhere if None. Only with 1 are the last bits of a picture independent of the others.
            max_rows: trajectories alive at once, of all prompts together; further prompts take the rows of those
                that finish or are cut. None: all prompts start together.
            output_type: of ``.images``: ``"pil"``, ``"np"`` ``(h, w, 3)`` in [0, 1], ``"pt"`` ``(3, h, w)`` in
                [0, 1], or ``"codes"`` ``(t,)``.
            callback_on_step_end: ``fn(pipe, step, total_steps, values)`` after each step of each prompt.
            progress: show a bar of tqdm, which notebooks draw as theirs.

            others: none; names of other libraries are told what to write here.

        Raises:
            PromptError, ConfigError, DecodingError: one sentence on what to change.
        """
        run = self.stream(
            prompt,
            strategy=strategy,
            num_trajectories=num_trajectories,
            num_images_per_prompt=num_images_per_prompt,
            seed=seed,
            generator=generator,
            noise=noise,
            guidance_scale=guidance_scale,
            sampling=sampling,
            looks_per_batch=looks_per_batch,
            max_rows=max_rows,
            output_type=output_type,
            **others,
        )
        if callback_on_step_end is not None and not callable(callback_on_step_end):
            raise ConfigError(f"callback_on_step_end is {shown(callback_on_step_end)}; it must be a function.")
        for event in followed(run, len(run)) if progress else run:
            if callback_on_step_end is not None:
                values = {"prompt": event.prompt, "indices": event.indices, **event.values}
                callback_on_step_end(self, event.position, event.total_steps, values)
        return run.output

    def stream(
        self,
        prompt: str | int | Sequence[str | int],
        *,
        strategy: str | Mapping[str, Any] | Strategy | None = None,
        num_trajectories: int | None = None,
        num_images_per_prompt: int = 1,
        seed: int | Sequence[int] | None = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        noise: NoiseSource | None = None,
        guidance_scale: float | None = None,
        sampling: SamplingConfig | Mapping[str, Any] | None = None,
        looks_per_batch: int | None = None,
        max_rows: int | None = None,
        output_type: OutputType = "pil",
        **others: Any,
    ) -> Stream:
        """An iterator over steps; its ``output`` holds the result. Arguments as in a call."""
        refuse(others, _arguments(), ModelChoice.setting_names())
        if not isinstance(output_type, str) or output_type not in OUTPUT_TYPES:
            raise ConfigError(f"output_type is {shown(output_type)}; choose from {', '.join(OUTPUT_TYPES)}.")
        prompts = prompts_of(prompt)
        check_prompts(prompts)
        count = whole(num_images_per_prompt, "num_images_per_prompt", 1, MOST_IMAGES)
        if len(prompts) * count > MOST_IMAGES:
            raise ConfigError(f"{len(prompts)} prompts of {count} images are too many for a call; give fewer of them.")
        repeats = range(count)
        texts = [text for text in prompts for _ in repeats]
        seed = seeds_of(seed, generator)
        seeds = [seed + j for _ in prompts for j in repeats] if isinstance(seed, int) else seed
        if len(seeds) != len(texts):
            raise ConfigError(
                f"the number of seeds is {len(seeds)}, that of images {len(texts)}; give one for each, or one number."
            )
        default = default_strategy(self.family, self.decoding)
        resolved = build_strategy(default if strategy is None else strategy, default)
        if num_trajectories is not None:
            resolved = with_trajectories(resolved, whole(num_trajectories, "num_trajectories", 1))
        check_serves(resolved, self.decoding)
        max_rows = None if max_rows is None else whole(max_rows, "max_rows", 1)
        recipe = Recipe.from_dict(
            {
                "model": self.choice,
                "strategy": resolved,
                "noise": noise,
                "guidance_scale": guidance_scale,
                "sampling": sampling,
                "looks_per_batch": looks_per_batch,
                "num_images_per_prompt": count,
            }
        ).resolved(self)
        assert recipe.sampling is not None
        assert recipe.guidance_scale is not None
        decoder = self.decoder(recipe.sampling)
        if max_rows is not None:
            alone = self.rows_alone(recipe)
            if max_rows < alone:
                raise ConfigError(f"max_rows is {max_rows}; one image alone needs {alone}.")
        looks = self.looks(decoder, recipe, keep_pixels=output_type in ("pt", "np"), show=output_type != "codes")
        if isinstance(looks.reward, PixelReward):
            for text in prompts:
                looks.reward.check_prompt(text)
        engine = Engine(
            decoder,
            recipe.strategy,
            recipe.guidance_scale,
            looks,
            max_rows=max_rows,
            streams=(DeviceNoise if recipe.noise == "device" else TrajectoryNoise).for_prompts,
            show=output_type != "codes",
        )

        def finish(results: list[PromptResult], ledger: Ledger) -> ImageOutput:
            read = recipe.model_copy(update={"model": self.choice_as_read})
            weights = with_verifier(self.hashes, looks.verifier)
            return ImageOutput.of(self, read.of_images(prompts, seed), weights, output_type, results, ledger)

        return Stream(engine, texts, self._condition, seeds, finish)

    def looks(
        self,
        decoder: NextTokenDecoder | NextScaleDecoder,
        recipe: Recipe,
        *,
        keep_pixels: bool = False,
        show: bool = True,
    ) -> ImageLooks:
        """Reward, feature and verifier that a resolved recipe's strategy needs, with a ledger of their own.

        ``show``: the chosen image is decoded, so whatever decodes it is loaded too. Raises ConfigError, WeightsError,
        before anything is decoded.
        """
        needs, per_batch = recipe.strategy.needs(), recipe.looks_per_batch
        assert per_batch is not None
        reward = None if needs.reward is None else self.reward(needs.reward)
        feature = None if needs.feature is None else self.feature(needs.feature)
        seen = show or feature is not None or (reward is not None and reward.counts_images)
        if seen and isinstance(self.tokenizer, LoadsLater):
            self.tokenizer.prepare()
        return ImageLooks(
            decoder.pictures,
            Ledger(),
            reward=reward,
            reward_name=needs.reward or "",
            feature=feature,
            verifier=self.verifier_of(recipe.strategy),
            latents=(lambda codes: decoder.latent(torch.stack(codes))) if decoder.tells_latents else None,
            keep_pixels=keep_pixels,
            per_batch=per_batch,
            seen_per_batch=None if recipe.model.on_cpu else per_batch,
        )

    def decoder(self, sampling: SamplingConfig | None = None) -> NextTokenDecoder | NextScaleDecoder:
        """Model and tokenizer as a decoder."""
        sampling = sampling or self.sampling
        if isinstance(self.model, NextScaleModel):
            return NextScaleDecoder(model=self.model, tokenizer=cast(ScaleTokenizer, self.tokenizer), sampling=sampling)
        return NextTokenDecoder(model=self.model, tokenizer=cast(ImageTokenizer, self.tokenizer), sampling=sampling)

    def _condition(self, prompts: list[str]) -> Any:
        inputs, mask = self.encode_prompts(prompts)
        return self.model.condition(inputs, mask)

    def rows_alone(self, recipe: Recipe) -> int:
        """Trajectories that one image of a resolved recipe has alive at most."""
        assert recipe.guidance_scale is not None
        setting = Setting.of(self.decoder(recipe.sampling), recipe.guidance_scale, 0)
        return max(recipe.strategy.most_alive(setting))

    def reward(self, name: str) -> Reward:
        """The reward of ``name`` or ``name:source``, built once for this pipeline.

        Raises:
            ConfigError, WeightsError: it does not exist, or files or packages are missing.
        """
        key = name, REWARDS.replaced
        if key not in self._rewards:
            with at_commits(self._commits):
                reward = build_reward(name, device=self.device)
                if isinstance(reward, PixelReward):
                    reward.prepare()
            self._rewards[key] = reward
        return self._rewards[key]

    def verifier_of(self, strategy: Strategy) -> Verifier | None:
        """The verifier that a resolved strategy uses, or that its reward is, if any. Raises as :meth:`verifier`."""
        needs = strategy.needs()
        name = needs.verifier or (self.own_verifier if needs.verified else None)
        return None if name is None else self.verifier(name)

    def verifier(self, folder: str) -> Verifier:
        """The verifier in ``folder``, or the embedded one of that name.

        It is read once for this pipeline, and again once it is retrained.

        Raises:
            WeightsError: it is missing, damaged or of another version.
            ConfigError: it was trained for another model or tokenizer.
        """
        known = self._verifiers.get(folder)
        if known is None or known.sha256 != head_hash(folder):
            verifier = Verifier.load(folder, device=self.device)
            steps = Setting.of(self.decoder(), self.guidance_scale, 0).total_steps
            verifier.check_model(self.name, self.hashes, steps)
            self._verifiers[folder] = verifier
        return self._verifiers[folder]

    def feature(self, name: str) -> Feature:
        """The feature of ``name`` or ``name:source``, built once for this pipeline. Raises as :meth:`reward`."""
        key = name, FEATURES.replaced
        if key not in self._features:
            with at_commits(self._commits):
                self._features[key] = make_feature(name, self.device)
        return self._features[key]

    @torch.inference_mode()
    def decode(self, codes: Int[Tensor, "n t *g"], prompts: Sequence[str] | None = None) -> Float[Tensor, "n 3 H W"]:
        """RGB in [-1, 1] of the codes of several images, all or the first of each.

        ``prompts``: of each, for a model whose image tokenizer reads them too (GLM-Image).
        """
        decoder, texts = self.decoder(), [None] * len(codes) if prompts is None else [[prompt] for prompt in prompts]
        return torch.cat([decoder.pictures([own], text) for own, text in zip(codes, texts, strict=True)])

    def preview(self, candidate: Candidate) -> Image.Image:
        """The candidate's image; of a cut one the part it had drawn: cells, the rest grey, or coarse scales."""
        return self.picture(candidate.codes, candidate.prompt) if candidate.image is None else candidate.image

    def picture(self, codes: Int[Tensor, " *t"], prompt: str | None = None) -> Image.Image:
        """The image of one trajectory's codes, all or the first; what is missing is grey, or coarse."""
        return rounded(self.decode(codes[None], None if prompt is None else [prompt])[0])

    def progress(self, candidate: Candidate) -> list[Image.Image]:
        """The image of a next-scale model's candidate after each scale, or its preview and the image."""
        ends = list(accumulate(height * width for height, width in self.grids))
        drawn = [end for end in ends if end <= candidate.tokens]
        return [self.picture(candidate.codes[:end], candidate.prompt) for end in drawn]


def _arguments() -> list[str]:
    """Names of a call's arguments."""
    return [name for name in signature(ImagePipeline.__call__).parameters if name not in ("self", "others")]
