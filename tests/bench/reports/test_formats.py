"""The same table in every format: every figure with its error, nothing that a reader could take for something else."""

import csv
import io

from scalingar.bench.reports.formats import FORMATS, comma_separated, latex, markdown
from scalingar.bench.reports.report_table import Figure, ReportTable

TABLE = ReportTable(
    title="GenEval, 50 %",
    facts=["model embedded", "2 prompts, 1 image each"],
    head=["strategy", "reward", "two_object", "overall", "against a_b", "s/image"],
    rows=[
        ["a_b", "", None, Figure(0.51234, 0.04), "", None],
        [
            "=1+1",
            "x|y",
            Figure(0.5),
            Figure(0.25, None),
            Figure(-0.26, low=-0.3, high=0.01, difference=True),
            Figure(2.5, decimals=2),
        ],
    ],
    notes=["A note."],
)


def test_markdown() -> None:
    assert markdown(TABLE).splitlines()[4:] == [
        "| strategy | reward | two object | overall | against a b | s/image |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| a_b |  | – | 0.512 ± 0.040 |  | – |",
        r"| =1+1 | x\|y | 0.500 | 0.250 | -0.260 [-0.300, +0.010] | 2.50 |",
        "",
        "A note.",
    ]
    assert markdown(TABLE).startswith("GenEval, 50 %\n\nmodel embedded; 2 prompts, 1 image each.\n")


def test_a_column_for_every_number() -> None:
    head, first, second = csv.reader(io.StringIO(comma_separated(TABLE)))
    assert head == [
        "benchmark", "model", "strategy", "reward", "two_object", "overall", "overall standard error",
        "against a_b", "against a_b low", "against a_b high", "s/image",
    ]  # fmt: skip
    assert first == ["GenEval, 50 %", "embedded", "a_b", "", "", "0.51234", "0.04", "", "", "", ""]
    assert second[2:] == ["'=1+1", "x|y", "0.5", "0.25", "", "-0.26", "-0.3", "0.01", "2.5"]


def test_latex_escapes_what_it_would_obey() -> None:
    text = latex(TABLE)
    assert r"\caption{GenEval, 50 \%. model embedded; 2 prompts, 1 image each. A note.}" in text
    assert r"a\_b &  & -- & $0.512 \pm 0.040$ &  & -- \\" in text
    assert r"$-0.260\ [-0.300, +0.010]$ & $2.50$ \\" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in rows} == {5}


def test_every_format_writes_every_row() -> None:
    for _, written in FORMATS.values():
        assert "1+1" in written(TABLE)
