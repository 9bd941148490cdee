"""``scalingar analyze prefixes``: how much of an image's reward is decided by its first codes or scales."""

from pathlib import Path
from typing import Annotated, Any

import typer

from scalingar.cli.drawn_studies import bar, loaded
from scalingar.cli.model_options import split_model, takes_model

_SHARES = "0.125,0.25,0.5,0.75,0.875"


@takes_model(without=["name"])
def prefixes(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="'embedded', a file or folder, or a hub name.")],
    settings: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="model.key=value.")] = None,
    prompts: Annotated[
        Path, typer.Option(help="File of prompts, one a line; or .csv or .jsonl, with tags as tasks.")
    ] = ...,  # type: ignore[assignment]
    reward: Annotated[str | None, typer.Option(help="By name.", show_default="the model's own")] = None,
    shares: Annotated[str, typer.Option(help="Of the codes or scales that a prefix has, with commas.")] = _SHARES,
    prefixes: Annotated[int, typer.Option(help="K, of each prompt.")] = 4,
    completions: Annotated[int, typer.Option(help="M, of each prefix.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Keys the noise.")] = 0,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder; a stopped study is resumed there.")] = Path(
        "prefixes"
    ),
    *,
    model: dict[str, Any],
) -> None:
    """Complete the same prefixes again and again: how much of the reward is decided, and what cutting could gain.

    Of a prompt K · (M − 1) rows are alive at once, twice as many with guidance; of four prompts on the CPU.

    [b]scalingar analyze prefixes embedded --prompts prompts.txt -o prefixes[/]

    [b]scalingar analyze prefixes FoundationVision/Infinity:2b-1024 --prompts prompts.txt --reward image-reward
    --prefixes 2 --completions 3 --device cuda --dtype bf16[/]
    """
    from scalingar.analysis.prefixes.forks import Plan  # noqa: PLC0415
    from scalingar.analysis.prefixes.plot import figure  # noqa: PLC0415
    from scalingar.analysis.prefixes.study import measure  # noqa: PLC0415
    from scalingar.analysis.prefixes.tables import page  # noqa: PLC0415
    from scalingar.bench.benchmarks.prompts.prompt_file import read_prompts  # noqa: PLC0415
    from scalingar.cli.terminal import say  # noqa: PLC0415
    from scalingar.core.errors import ConfigError  # noqa: PLC0415
    from scalingar.core.files import results_in, write_files  # noqa: PLC0415
    from scalingar.core.locks import sole_writer  # noqa: PLC0415
    from scalingar.report.figure import png_bytes  # noqa: PLC0415

    section, others = split_model(settings or [])
    if others:
        raise ConfigError(f"{others[0]!r} is no setting of the model; write it as model.key=value.")
    if not prompts.is_file():
        raise ConfigError(f"--prompts {prompts} is no file; give a text file with one prompt in each line.")
    listed = read_prompts(prompts)
    if listed.left_out:
        say(f"warning: {listed.left_out}", to_stderr=True)
    wanted = _numbers(shares)
    texts, tasks = [item.prompt for item in listed.items], [item.task for item in listed.items]
    Plan(texts, reward or "confidence", wanted, prefixes, completions, seed).check()
    with results_in(output):
        pipe, label = loaded({"name": name, **model, **section}, reward)
        plan = Plan(texts, label, wanted, prefixes, completions, seed)
        with sole_writer(output):
            study = measure(pipe, plan, tasks, output / "completions", lambda items: bar(items, "drawing"))
        text = page(study)
        contents = {
            "md": text.encode(),
            "json": study.json().encode(),
            "png": png_bytes(figure([study]), "scalingar: how much of an image's reward its first codes decide"),
        }
        files = {f"prefixes.{suffix}": content for suffix, content in contents.items()}
        write_files(output, files)
    say(text, end="")
    say(f"wrote {', '.join(str(output / file) for file in files)}", to_stderr=True)


def _numbers(text: str) -> list[float]:
    """Raises ConfigError."""
    from scalingar.core.errors import ConfigError  # noqa: PLC0415

    words = [word.strip() for word in text.split(",") if word.strip()]
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ConfigError(f"--shares is {text!r}; give numbers between 0 and 1 with commas, as {_SHARES}.") from None
