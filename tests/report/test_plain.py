import json
import math

from scalingar.report.plain import candidate_dict, final_confidence, plain_number, result_dict
from tests.tiny.package import candidate, result


def test_steps_come_only_where_asked_for() -> None:
    short, long = (result_dict(result(), steps=steps)["candidates"][3] for steps in (False, True))
    assert set(long) - set(short) == {"codes", "trace"}
    assert long["codes"] == [0, 1, 2, 3, 4]
    assert long["cut"] == {"step": 5, "reason": "confidence below threshold"}
    assert len(long["trace"]["C"]) == 6


def test_numbers_that_are_none_become_null() -> None:
    plain = result_dict(result(), steps=True)
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text) == plain
    assert plain["candidates"][0]["signals"]["pmi"] is None
    assert plain["candidates"][0]["trace"]["theta"][:3] == [None, None, 0.5]
    assert plain_number(math.inf) is None


def test_the_result_names_prompt_seed_and_choice() -> None:
    plain = result_dict(result("a cat"), steps=False)
    assert (plain["prompt"], plain["seed"], plain["chosen"]) == ("a cat", 7, 0)


def test_the_final_confidence_is_that_of_the_cut() -> None:
    one = candidate(2, steps=5, reason="cut")
    assert final_confidence(one) == one.trace["C"][-1]
    one.trace.clear()
    assert math.isnan(final_confidence(one))


def test_without_guidance_nothing_is_told_of_a_second_branch() -> None:
    one = candidate(2, steps=5)
    one.signals["pmi"] = 0.0
    one.trace |= {"K": one.trace["C"] * 0, "D_hat": one.trace["C"] * 0 + 0.5}
    told, lone = (candidate_dict(one, steps=True, guided=guided) for guided in (True, False))
    assert (told["signals"]["pmi"], told["trace"]["D_hat"]) == (0.0, [0.5] * 5)
    assert (lone["signals"]["pmi"], lone["trace"]["D_hat"], lone["trace"]["K"]) == (None, [None] * 5, [None] * 5)
    assert lone["trace"]["C"] == told["trace"]["C"]
