"""The fields in which a strategy is chosen, as every tab has them."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from scalingar.serve.offer import Offer
from scalingar.serve.studio.fields import offered, settings_of, usual_name, usual_settings
from scalingar.serve.studio.text import status, table
from scalingar.strategies import STRATEGIES

_HELP = "As after the prompt of scalingar generate: strategy.name=value, sampling.top_k=50 or guidance_scale=4."
_COUNT = "num_trajectories"
Shown = tuple[Any, Any]
"""What is said, and the board; a board of ``gr.skip()`` stays as it is."""


@dataclass(frozen=True)
class StrategyFields:
    """A strategy and its settings; ``count``: N, where this strategy has one of its own."""

    strategy: gr.Dropdown
    settings: gr.Textbox
    known: gr.HTML

    @classmethod
    def made(cls, label: str, elem_id: str) -> "StrategyFields":
        """The components, here."""
        strategy = gr.Dropdown([], label=label, elem_id=elem_id, interactive=True)
        with gr.Accordion("Settings", open=False, elem_id=f"{elem_id}-settings"):
            settings = gr.Textbox(label="Settings, one per line", info=_HELP, lines=2, max_lines=8)
            known = gr.HTML()
        return cls(strategy, settings, known)

    def follow_choice(self, count: gr.Number | None = None) -> None:
        """Another strategy has other settings, and maybe no N."""
        outputs: list[Any] = [self.known, *([] if count is None else [count])]

        def chosen(name: str | None) -> list[Any]:
            many = [] if count is None else [gr.update(interactive=name is None or not has_own_count(name))]
            return ["" if name is None else known_settings(name), *many]

        # In the page: an answer of the server that comes late would wipe out what was typed since.
        self.strategy.input(None, None, self.settings, js="() => ''", api_visibility="private", queue=False)
        self.strategy.input(
            chosen, self.strategy, outputs, show_progress="hidden", api_visibility="private", queue=False
        )


def draw_and_stop(tab: str, label: str, stop_id: str, drawn: Callable[..., AsyncGenerator[Shown]], inputs: Any) -> None:
    """The buttons, what is said and the board; ``drawn`` fills both until it ends or is stopped.

    The first of ``inputs`` is the prompt, where Enter draws too.
    """
    with gr.Row():
        draw = gr.Button(label, variant="primary", elem_id=label.lower(), min_width=120)
        stop = gr.Button("Stop", variant="stop", elem_id=stop_id, min_width=120)
    said, shown = gr.HTML(elem_id=f"{tab}-said"), gr.HTML(elem_id=f"{tab}-board")
    event = gr.on(
        [draw.click, inputs[0].submit],
        drawn,
        inputs,
        [said, shown],
        show_progress="hidden",
        api_visibility="private",
        trigger_mode="once",
    )
    stop.click(stopped, None, said, cancels=[event], show_progress="hidden", api_visibility="private", queue=False)


def stopped() -> str:
    """What is said after a stop."""
    return status("stopped; its rows are free")


def has_own_count(name: str) -> bool:
    """Whether N cannot be chosen."""
    return name in STRATEGIES and _COUNT in STRATEGIES[name].fixed


def known_settings(name: str) -> str:
    """A strategy's settings as a table."""
    return (
        table(["setting", "default", "meaning"], settings_of(name), f"Settings of {name}") if name in STRATEGIES else ""
    )


def filled(offer: Offer, place: int = 0) -> list[Any]:
    """Updates of a strategy's fields, in the order of :class:`StrategyFields`, once the model is there.

    ``place``: 0 is the server's own strategy, which keeps the settings it was given; others are compared with it.
    """
    names, own = offered(offer), usual_name(offer)
    order = [own, *(name for name in ("best-of-n", "single", "scaling-ar", *names) if name != own and name in names)]
    name = order[min(place, len(order) - 1)]
    given = usual_settings(offer.usual.strategy) if name == own else ""
    return [gr.update(choices=names, value=name), given, known_settings(name)]
