import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scalingar.core.validation import sentence


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    quantile: float = Field(0.2, ge=0, le=1)
    steps: int = Field(3, gt=0)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    gate: Inner | None = None
    inner: Inner = Inner()
    name: str = Field("x", pattern="^x")
    several: tuple[Inner, ...] = Field((Inner(),), min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "Outer":
        if self.inner.steps == 13:
            raise ValueError("thirteen steps bring bad luck")
        return self


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"gate": {"quantil": 0.1}}, "s.gate.quantil is no setting; did you mean 'quantile'?"),
        ({"inner": {"zzz": 0.1}}, "s.inner.zzz is no setting; choose from quantile, steps."),
        ({"gatte": {}}, "s.gatte is no setting; did you mean 'gate'?"),
        ({"gate": {"quantile": 1.5}}, "s.gate.quantile=1.5: must be <= 1"),
        ({"gate": {"quantile": -1}}, "s.gate.quantile=-1: must be >= 0"),
        ({"gate": {"steps": 0}}, "s.gate.steps=0: must be > 0"),
        ({"several": [{}, {"quantil": 1}]}, "s.several.1.quantil is no setting; did you mean 'quantile'?"),
        ({"several": [{"steps": 0}]}, "s.several.0.steps=0: must be > 0"),  # and not that there are too few
        ({"inner": {"steps": 13}}, "s: thirteen steps bring bad luck"),
        ({"inner": {"steps": 0, "quantile": 2}}, "s.inner.quantile=2: must be <= 1; also s.inner.steps=0: must be > 0"),
    ],
)
def test_says_where_what_and_what_is_allowed(data: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    assert sentence(caught.value, Outer, "s") == expected


def test_needs_no_prefix() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"steps": 13}})
    assert sentence(caught.value, Outer) == "thirteen steps bring bad luck"
    with pytest.raises(ValidationError) as caught:
        Inner.model_validate({"steps": 0})
    assert sentence(caught.value, Inner) == "steps=0: must be > 0"


def test_leaves_out_what_is_too_long_to_read() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"name": "y" * 500})
    assert sentence(caught.value, Outer).startswith("name: ")
