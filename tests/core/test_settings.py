import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from scalingar.core.errors import ConfigError, SettingsError
from scalingar.core.settings import Settings


class Inner(Settings):
    quantile: float = Field(0.2, ge=0, le=1)
    steps: int = Field(3, gt=0)


class Outer(Settings):
    gate: Inner | None = None
    either: Inner | int = 1
    name: str = "x"
    share: float = Field(0.5, ge=0, le=1)
    rest: float = 0.5
    built: Inner | str = ""
    rounds: tuple[tuple[float, int], ...] | None = None

    @field_validator("built", mode="before")
    @classmethod
    def _builds(cls, value: Any) -> Any:
        return Inner(**value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _sums_to_one(self) -> "Outer":
        if self.share + self.rest != 1:
            raise ValueError("share and rest must sum to 1")
        return self


WRONG = [
    ({"gatte": 1}, "gatte is no setting; did you mean 'gate'?"),
    ({"share": 1.5}, "share=1.5: must be <= 1"),
    ({"share": True}, "share=True: must be a number"),
    ({"rounds": (True,)}, "rounds=(True,): must hold numbers, neither true nor false"),
    ({"rounds": [(0.5, True)]}, "rounds=[(0.5, True)]: must hold numbers, neither true nor false"),
    ({"share": float("nan")}, "share=nan: must be a finite number"),
    ({"gate": {"quantile": 2}}, "gate.quantile=2: must be <= 1"),
    ({"gate": {"quantil": 0.2}}, "gate.quantil is no setting; did you mean 'quantile'?"),
    ({"gate": {"quantile": 2, "steps": 0}}, "gate.quantile=2: must be <= 1; also gate.steps=0: must be > 0"),
    ({"share": 0.25}, "share and rest must sum to 1"),
    ({"built": {"steps": 0}}, "built: steps=0: must be > 0"),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG)
def test_what_is_wrong_is_one_sentence_however_it_is_built(values: dict[str, Any], sentence: str) -> None:
    ways: list[Callable[[dict[str, Any]], Outer]] = [
        Outer.model_validate,
        Outer.from_dict,
        lambda given: Outer(**given),
        lambda given: Outer().model_copy(update=given),
    ]
    for build in ways:
        with pytest.raises(ConfigError) as caught:
            build(values)
        assert str(caught.value) == sentence
        assert str(pickle.loads(pickle.dumps(caught.value))) == sentence


def test_a_section_of_a_recipe_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^strategy\.gate\.quantile=2: must be <= 1$"):
        Outer.from_dict({"gate": {"quantile": 2}}, "strategy")


def test_text_that_is_no_json_and_values_that_are_no_settings() -> None:
    for text, reason in {"{": "Expecting", '{"name": "a", "name": "b"}': "the key 'name' is there twice"}.items():
        with pytest.raises(ConfigError, match=rf"^it is no JSON \({reason}"):
            Outer.model_validate_json(text)
    with pytest.raises(ConfigError, match="must be a valid dictionary or instance of Outer"):
        Outer.model_validate(5)


def test_json_is_read_without_its_byte_order_mark() -> None:
    assert Outer.model_validate_json('\ufeff{"name": "a"}') == Outer(name="a")
    assert Outer.model_validate_json(b'\xef\xbb\xbf{"name": "a"}') == Outer(name="a")


def test_pydantic_sees_its_own_errors_only() -> None:
    """A union goes on to its next kind, and adapters collect what is wrong."""
    assert Outer.model_validate({"either": "7"}).either == 7
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(list[Outer]).validate_python([{"share": 2}, {"gate": {"steps": 0}}])
    assert [details["loc"] for details in caught.value.errors()] == [(0, "share"), (1, "gate", "steps")]


def test_a_copy_is_checked_and_knows_what_was_set() -> None:
    first = Outer(name="a")
    second = first.model_copy(update={"gate": {"steps": 4}})
    assert (second.gate, second.model_fields_set) == (Inner(steps=4), {"name", "gate"})
    assert first.model_fields_set == {"name"}
    assert pickle.loads(pickle.dumps(second)) == copy.deepcopy(second) == copy.copy(second) == second
    assert first.model_copy() == first


def test_what_is_built_stays() -> None:
    settings = Inner()
    with pytest.raises(ConfigError, match=r"^steps=4: is frozen; build another, or take"):
        settings.steps = 4  # type: ignore[misc]
    assert settings.steps == 3
    with pytest.raises(SettingsError, match=r"^steps.*: is frozen; build another, or take"):
        del settings.steps
    assert settings.steps == 3


class Refusing(Settings):
    inner: Inner = Inner()

    @field_validator("inner", mode="before")
    @classmethod
    def _builds(cls, value: Any) -> Any:
        return Inner.from_dict(value, "inner") if isinstance(value, dict) else value


def test_what_a_validator_refuses_is_a_value_error_too() -> None:
    """And it says once where it stands."""
    ways: list[Callable[[dict[str, Any]], Refusing]] = [
        Refusing.model_validate,
        lambda given: Refusing(**given),
        lambda given: Refusing().model_copy(update=given),
    ]
    for build in ways:
        with pytest.raises(SettingsError, match=r"^inner\.steps=0: must be > 0$"):
            build({"inner": {"steps": 0}})
