"""A judge behind an endpoint as a reward: a server on this machine answers, also badly."""

import json
import math
from itertools import count
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any

import pytest
from PIL import Image

from scalingar.core.chat import bounded_client
from scalingar.core.chat.sent import counting
from scalingar.core.errors import ConfigError, EndpointError
from scalingar.rewards import UnansweredWarning, build_reward, check_reward, eyes
from scalingar.strategies import BestOfN
from scalingar.strategies.build_strategy import build_strategy
from tests.rewards.judges.endpoints import Endpoint, Way, completion, error, question_of, serving
from tests.tiny.pipes import tiny_pipe


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    monkeypatch.setattr(bounded_client, "_TRANSPORT_RETRIES", 0)


def picture(level: int = 200) -> Image.Image:
    return Image.new("RGB", (5, 4), (level, 0, 0))


def judge(endpoint: Endpoint, cache: Path, **options: Any) -> Any:
    words = {"base_url": endpoint.url, "cache": cache, "samples": 4, "timeout": 0.5, "parallel": 2, **options}
    return build_reward("judge:seer?" + "&".join(f"{key}={value}" for key, value in words.items()), device="cpu")


def weighed(yes: float, no: float) -> tuple[int, Any]:
    return completion("Yes", **{"Yes": math.log(yes), " no": math.log(no), "Maybe": math.log(0.01)})


def test_the_chance_of_yes_is_read_from_the_first_word(tmp_path: Path) -> None:
    with serving(lambda _: weighed(0.6, 0.2)) as endpoint:
        assert judge(endpoint, tmp_path).score("a red dog", [picture()]) == pytest.approx([0.75])
    (sent,) = endpoint.requests
    assert (sent["model"], sent["temperature"], sent["logprobs"], sent["top_logprobs"]) == ("seer", 0, True, 20)
    assert question_of(sent) == 'Does this picture show "a red dog"? Answer with one word, yes or no.'


def test_without_chances_the_share_of_several_replies(tmp_path: Path) -> None:
    """Replies that cannot be read count neither as yes nor as no."""
    replies = iter(["Yes.", "no", "**Yes**", "I cannot help with that.", "yes", "no", "yes", "yes", "no"])
    with serving(lambda _: completion(next(replies))) as endpoint:
        asked = judge(endpoint, tmp_path, parallel=1)
        assert asked.score("a dog", [picture()]) == pytest.approx([2 / 3])
        assert asked.score("a cat", [picture()]) == pytest.approx([2 / 4])
    assert [request["temperature"] for request in endpoint.requests] == [0] + [1] * 8
    assert "logprobs" not in endpoint.requests[-1], "an endpoint without chances is not asked for them again"


def test_an_endpoint_that_rejects_the_question_of_chances(tmp_path: Path) -> None:
    def way(request: dict[str, Any]) -> tuple[int, Any]:
        return error(400, "logprobs is not supported") if "logprobs" in request else completion("yes")

    with serving(way) as endpoint:
        assert judge(endpoint, tmp_path).score("a dog", [picture()]) == [1.0]


def test_a_first_word_that_is_neither_is_read_in_whole_replies(tmp_path: Path) -> None:
    def way(request: dict[str, Any]) -> tuple[int, Any]:
        if "logprobs" in request:
            return completion("<think>", **{"<think>": math.log(0.9), "yes": math.log(0.1)})
        return completion("<think>A dog?</think> No")

    with serving(way) as endpoint:
        assert judge(endpoint, tmp_path).score("a dog", [picture()]) == [0.0]


@pytest.mark.parametrize(
    "way",
    [
        lambda _: completion("No, I cannot help with identifying people."),
        lambda _: completion(""),
        lambda _: error(400, "no", "content_policy_violation"),
    ],
    ids=["words", "silence", "policy"],
)
def test_a_refusal_is_no_no(way: Way, tmp_path: Path) -> None:
    with serving(way) as endpoint:
        asked = judge(endpoint, tmp_path)
        assert asked.answered("a dog", [picture()]) == [None]
        with pytest.warns(UnansweredWarning, match="no answer about 1 of 1 pictures of 'a dog'; they count as"):
            assert asked.score("a dog", [picture()]) == [0.5]
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize("chances", [{"No": 7.5, "yes": math.nan}, {"yes": -0.1, "no": -0.1}, {"no": math.inf}])
def test_chances_that_are_none_are_not_believed(chances: dict[str, float], tmp_path: Path) -> None:
    with serving(lambda _: completion("No", **chances)) as endpoint:
        assert judge(endpoint, tmp_path).score("a dog", [picture()]) == [0.0]
    assert len(endpoint.requests) == 5


def test_a_judge_that_never_answers_is_none(tmp_path: Path) -> None:
    with serving(lambda _: completion("Certainly!")) as endpoint:
        asked = judge(endpoint, tmp_path, samples=1, parallel=1)
        with pytest.raises(EndpointError, match="no answer to any of the first 20 questions"):
            asked.answered("a dog", [picture(level) for level in range(30)])


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        (lambda _: None, "timed out|no reply within"),
        (lambda _: error(500, "on fire"), "on fire"),
        (lambda _: (200, "<html>busy</html>"), "it sent no completion in 4 attempts"),
        (lambda _: (200, "[" * 10_000), "it sent no completion in 4 attempts"),
        (lambda _: error(401, "bad key sesame \x1b[31m"), r"bad key \*\*\*"),
    ],
    ids=["hangs", "500", "no protocol", "nonsense", "key"],
)
def test_an_endpoint_that_cannot_be_asked(way: Way, reason: str, tmp_path: Path) -> None:
    told = f"the reward 'judge:seer.*cannot be asked: .*({reason})"
    with serving(way) as endpoint, pytest.raises(EndpointError, match=told) as caught:
        judge(endpoint, tmp_path).score("a dog", [picture()])
    assert "sesame" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_what_was_asked_once_is_not_asked_again(tmp_path: Path) -> None:
    with serving(lambda request: weighed(0.6, 0.2)) as endpoint:
        first = judge(endpoint, tmp_path).score("a dog", [picture(), picture(90), picture()])
        assert len({json.dumps(request, sort_keys=True) for request in endpoint.requests}) == 2
        sent = len(endpoint.requests)
        again = judge(endpoint, tmp_path)
        with counting() as counted:
            assert again.score("a dog", [picture(), picture(90), picture()]) == first
        assert (len(endpoint.requests), counted.count) == (sent, 0)
        for path in tmp_path.glob("*.json"):
            path.write_text('{"yes": "no"}')
        assert judge(endpoint, tmp_path).score("a dog", [picture()]) == first[:1]
        assert len(endpoint.requests) == sent + 1


def test_a_resumed_run_knows_that_there_were_answers(tmp_path: Path) -> None:
    """Pictures without an answer are asked about again, and may all come first."""
    pictures, replies = [picture(level) for level in range(30)], ["yes"]
    with serving(lambda _: completion(replies[-1])) as endpoint:
        judge(endpoint, tmp_path, samples=1, parallel=1).score("a dog", pictures[:1])
        replies.append("Certainly!")
        resumed = judge(endpoint, tmp_path, samples=1, parallel=1)
        assert resumed.answered("a dog", pictures) == [1.0, *[None] * 29]


def test_questions_of_a_file_and_their_mean(tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    row = {"prompt": "a red dog", "questions": ["Is there a dog?", ["Is it blue?", "no"], ["What is it?", "a pet"]]}
    questions.write_text(json.dumps(row) + "\n")
    chances = {"Is there a dog?": 0.9, "Is it blue?": 0.2, 'What is it? Is the answer "a pet"?': 0.4}

    def way(request: dict[str, Any]) -> tuple[int, Any]:
        yes = next(value for text, value in chances.items() if question_of(request).startswith(text))
        return weighed(yes * 0.9, (1 - yes) * 0.9)

    with serving(way) as endpoint:
        asked = judge(endpoint, tmp_path / "kept", questions=questions)
        with counting() as counted:
            assert asked.score("a red dog", [picture()]) == pytest.approx([(0.9 + 0.8 + 0.4) / 3])
        assert counted.count == 3
        with pytest.raises(ConfigError, match=r"q\.jsonl asks nothing about the prompt 'a cat'"):
            asked.score("a cat", [picture()])


def sometimes(broken: set[int]) -> Way:
    """Probabilities of words, but for the requests of these numbers, which are rejected."""
    numbers = count()

    def way(request: dict[str, Any]) -> tuple[int, Any]:
        if "logprobs" not in request:
            return completion("no")
        return error(400, "not now") if next(numbers) in broken else weighed(0.6, 0.2)

    return way


def test_a_rejection_is_of_one_picture(tmp_path: Path) -> None:
    """Shares of replies and probabilities of words are on different scales."""
    with serving(sometimes({1})) as endpoint:
        asked = judge(endpoint, tmp_path, parallel=1)
        told = asked.score("a dog", [picture(level) for level in range(4)])
    assert told == pytest.approx([0.75, 0.0, 0.75, 0.75])


def test_the_first_answer_decides_for_later_runs_too(tmp_path: Path) -> None:
    with serving(sometimes({0})) as endpoint:
        assert judge(endpoint, tmp_path).score("a dog", [picture(level) for level in range(4)]) == [0.0] * 4
        assert judge(endpoint, tmp_path).score("a dog", [picture(50)]) == [0.0]
        assert judge(endpoint, tmp_path / "another").score("a dog", [picture(50)]) == pytest.approx([0.75])


def test_nobody_waits_for_what_is_under_way_when_it_is_stopped(tmp_path: Path) -> None:
    """A request is under way while another fails; no more samples follow it."""
    sent, released, ended = Event(), Event(), Event()

    def way(request: dict[str, Any]) -> tuple[int, Any]:
        if "two" in question_of(request):
            sent.set()
            released.wait(10)
            ended.set()
            return completion("yes")
        sent.wait(10)
        return error(500, "on fire")

    with serving(way) as endpoint:
        asked = judge(endpoint, tmp_path, timeout=20, parallel=2)
        asked._way = "replies"
        with pytest.raises(EndpointError, match="on fire"):
            asked.yes([(picture(), "one"), (picture(), "two")])
        assert not ended.is_set()
        released.set()
        for thread in enumerate_threads():
            if thread.name == "judge":
                thread.join(10)
    assert len(endpoint.requests) == 2


def test_requests_outside_of_a_ledger_are_in_none(tmp_path: Path) -> None:
    with serving(lambda _: weighed(0.6, 0.2)) as endpoint:
        name = f"judge:seer?base_url={endpoint.url}&cache={tmp_path}"
        pipe = tiny_pipe()
        pipe.reward(name).score("a cat", [picture()])  # type: ignore[attr-defined]
        output = pipe("a photo of a dog", strategy=BestOfN(reward=name, num_trajectories=2))
    assert output.ledger.requests == 2


def test_a_strategy_that_chooses_by_it_counts_its_requests(tmp_path: Path) -> None:
    with serving(lambda _: weighed(0.6, 0.2)) as endpoint:
        name = f"judge:seer?base_url={endpoint.url}&cache={tmp_path}"
        output = tiny_pipe()("a photo of a dog", strategy=BestOfN(reward=name, num_trajectories=2))
        assert output.ledger.requests == len(endpoint.requests) == 2
        assert output.ledger.reward_calls == 2
        assert output.results[0].best.rewards[name] == pytest.approx(0.75)


def test_what_looks() -> None:
    assert eyes("judge:seer?samples=2") == eyes("vqa-score:seer") == {"the model seer"}
    assert eyes("rank-sum:judge:seer,0.5*pmi") == {"the model seer", "the reward pmi"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("judge", "needs a model to ask; write judge:MODEL"),
        ("judge:m?sample=3", "sample is no setting; did you mean 'samples'"),
        ("judge:m?samples=0", "samples='0': must be >= 1"),
        ("judge:m?samples=1&samples=2", "has samples twice"),
        ("judge:m?base_url=http://me:pass@h/v1", "must hold no user, password or key"),
    ],
)
def test_a_name_that_says_nothing_sensible(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_reward(name)
    with pytest.raises(ConfigError, match=message):
        build_strategy({"name": "best-of-n", "reward": name})


def test_questions_are_read_when_it_is_prepared_and_not_when_it_is_named(tmp_path: Path) -> None:
    """A name may come over the network: nobody learns from it which files there are."""
    check_reward("judge:m?questions=nowhere.json")
    with pytest.raises(ConfigError, match=r"nowhere.json cannot be read as questions: No such file"):
        build_reward("judge:m?questions=nowhere.json", device="cpu").prepare()  # type: ignore[attr-defined]
    (tmp_path / "q.json").write_text('[{"prompt": "a photo of a cat", "question": "Is it?"}]')
    strategy = BestOfN(reward=f"judge:m?questions={tmp_path / 'q.json'}", num_trajectories=2)
    with pytest.raises(ConfigError, match=r"asks nothing about the prompt 'a photo of a dog'"):
        tiny_pipe().stream("a photo of a dog", strategy=strategy)


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY"):
        build_reward("judge:m", device="cpu").prepare()  # type: ignore[attr-defined]
