"""The report's page: plain HTML without scripts, readable in any browser and when printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite

from ..evaluation.intervals import Interval
from ..evaluation.measuring import Measurement
from ..evaluation.retrieval import FIGURES
from ..evaluation.verification import FIGURES as PAIR_FIGURES
from .evaluation_sheets import TITLES
from .measurements import brackets

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #181d24; background: #fff;
       max-width: 70rem; margin: 2rem auto; padding: 0 1.5rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 1px solid #d5dae0;
       padding-top: 1.5rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #e4e8ed; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
small, .muted { color: #5a636e; } img { max-width: 100%; height: auto; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem; }
pre { background: #f4f5f7; padding: .8rem 1rem; overflow-x: auto; }
"""

_WORDS = {
    "query": "a picture that is asked about; the gallery is what is searched",
    "CMC@r": "share of queries whose person is among the best r answers: pictures, or people",
    "mAP": "how early all of a person's pictures come, 100 % if before all others",
    "mINP": "the same for the last of a person's pictures: the cost of finding them all",
    "[a, b]": "the 95 % interval: other people like these would give a figure in it",
    "EER": "the error at the threshold where both kinds of error are equally frequent",
    "TAR@FAR": "share of pairs of one person that are recognised when so few pairs of two people "
    "are taken for one",
    "coin": "the easy way to draw pairs: any two pictures, often from one camera and second",
    "cross-view": "the honest way: always two cameras (or tracklets, or pictures), and a "
    "threshold that was learned from other people",
}

_PLOTS = {
    "cmc": "CMC: how often the person is among the best r pictures",
    "scores": "Scores of pairs of one person and of two people",
    "det": "DET: both errors of every threshold",
    "roc": "ROC: recognised against falsely accepted",
}


@dataclass(frozen=True, slots=True)
class Section:
    """What the page shows of one trial.

    Attributes:
        measured: the models on it.
        plots: file names of the plots, by name.
        sheets: file names of the contact sheets by kind, of each model.
    """

    measured: Sequence[Measurement]
    plots: Mapping[str, str]
    sheets: Sequence[Mapping[str, str]]


def write_page(sections: Sequence[Section], *, command: str) -> str:
    """Return the page's HTML."""
    words = "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in _WORDS.items())
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>Evaluation</title><style>{_STYLE}</style></head><body>",
            "<h1>Evaluation</h1>",
            f"<p>Made by</p><pre>{escape(command)}</pre>",
            *(part for section in sections for part in _section(section)),
            f"<h2>The words</h2><table>{words}</table>",
            "<p class=muted>All figures: figures.jsonl, beside this page.</p>",
            "</body></html>",
        ]
    )


def _section(section: Section) -> Iterable[str]:
    retrieval = section.measured[0].retrieval
    yield f"<h2>{escape(retrieval.trial.name)}</h2>"
    told = [retrieval.trial.description, *retrieval.conditions(), retrieval.certainty()]
    yield f"<p>{'<br>'.join(f'{escape(line)}.' for line in told)}</p>"
    yield _retrieval_table(section.measured)
    yield from (_difference_table(one) for one in section.measured if one.first)
    yield from _verification(section.measured)
    yield '<div class="plots">'
    yield from (_image(section.plots[name], text) for name, text in _PLOTS.items())
    yield "</div>"
    for one, sheets in zip(section.measured, section.sheets, strict=True):
        for kind, file in sheets.items():
            yield f"<h3>{escape(TITLES[kind])}: {escape(one.model)}</h3>"
            yield _image(file, TITLES[kind])


def _retrieval_table(measured: Sequence[Measurement]) -> str:
    rows = [
        [label, *(_cell(one.retrieval.figures()[name], one.intervals[name]) for one in measured)]
        for name, label in FIGURES.items()
    ]
    return _table(["", *(one.model for one in measured)], rows)


def _difference_table(one: Measurement) -> str:
    first = one.first.model if one.first else ""
    rows = [
        [
            FIGURES[name],
            f"{100 * found.value:+.1f}{brackets(found.low, found.high, '+')}",
            "" if found.sure else "not told apart",
        ]
        for name, found in one.differences.items()
    ]
    return _table([f"{one.model} less {first}", "points, paired by query", ""], rows)


def _verification(measured: Sequence[Measurement]) -> Iterable[str]:
    measured = [one for one in measured if one.verification]
    for results in zip(*(one.verification for one in measured), strict=True):
        yield f"<h3>Is it one person? Pairs: {escape(results[0].name)}</h3>"
        for one, result in zip(measured, results, strict=True):
            yield f"<p><small>{escape(one.model)}: {escape(result.denominators())}.</small></p>"
        figures = [(result.figures(), result.intervals()) for result in results]
        rows = [
            [label, *(_cell(values[name], intervals[name]) for values, intervals in figures)]
            for name, label in PAIR_FIGURES.items()
        ]
        yield _table(["", *(one.model for one in measured)], rows)


def _cell(value: float, interval: Interval) -> str:
    if not isfinite(value):
        return "too few pairs"
    return f"{100 * value:.1f} %{brackets(*interval)}"


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headers)
    body = "".join(
        f"<tr><td>{escape(row[0])}</td>"
        + "".join(f'<td class="number">{escape(text)}</td>' for text in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _image(file: str, text: str) -> str:
    return f'<img src="{escape(file)}" alt="{escape(text)}">'
