"""A reply is an answer only if it is nothing else; what is usual around an answer is read over."""

import pytest

from scalingar.core.chat.replies import parse_answers

YES_NO = (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "yes\nno",
        "  Yes.\n\nNO",
        "- yes\n- no",
        "* Yes\n* No",
        "**Yes**\n**No**",
        "__yes__\n_no_",
        "1. yes\n2) no",
        "1. **Yes**\n2. **No**",
        "1 - yes\n2 - no",
        "(1) yes\n(2) no",
        "Q1: yes\nQ2: no",
        "Question 1: yes\nQuestion 2: no",
        "Answer 1: yes\nAnswer 2: no",
        "Answers:\nyes\nno",
        "The answer is yes.\nThe answer is no.",
        "yes, no",
        '["yes", "no"]',
        '{"1": "yes", "2": "no"}',
        '```json\n{"answers": ["yes", "no"]}\n```',
        "“Yes”\n‘No’",
        "| yes |\n| no |",
        "<answer>yes</answer>\n<answer>no</answer>",
        "yes\nno<|im_end|>",
        "yes ✅\nno ❌",
        "Yes。\nNo。",
        "\\boxed{yes}\n\\boxed{no}",
        "<think>\nNo dog at first sight, but\nyes, one.\n</think>\nyes\nno",
        "No dog, or is there?\n</think>\n\nyes\nno",
    ],
)
def test_answers_in_usual_dress(text: str) -> None:
    assert parse_answers(text, 2) == YES_NO


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("yes", 2),
        ("yes\nno\nyes", 2),
        ("nothing\nyesterday", 2),
        ("yes?", 1),
        ("yes/no", 2),
        ("yes or no", 2),
        ("No, I cannot help with identifying people.", 1),
        ("Yes or no? I cannot tell.", 1),
        ("not yes", 1),
        ("yesno", 2),
        ("No text other than the answers:\nyes", 2),
        ("Yes, there is a dog, but it does not float, so no.", 1),
        ("<think>\nNo dog is on the ground, so this fits\n</think>\n", 1),
        ("<think>\nyes", 1),
        ("Here you are:\nyes\nno", 2),
        ("Yes, it is.", 1),
        ("2. yes\n1. no", 2),
        ("0. yes\n1. no", 2),
        ("1. yes\n3. no", 2),
        ("no.1", 1),
        ("да", 1),
        ("true", 1),
    ],
)
def test_whatever_else_is_no_answer(text: str, count: int) -> None:
    assert parse_answers(text, count) is None
