"""All papers on one board: what they print, what our runs gave, and how each number stands."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from recluster.papers import CLAIMS, PAPERS, searched
from recluster.papers.claim import Cell, Claim
from recluster.papers.suite import methods
from recluster.report.measures import OF_DATA
from recluster.report.table import (
    METRICS,
    SHOWN,
    SMALLER,
    Html,
    counted,
    download,
    printed,
    record_link,
    spread,
    standing,
    state_class,
)
from recluster.report.verdict import CALCULATED, CHOSE, Judged, Obtained, judge
from recluster.spec import SCALES
from recluster.store import Store

PAGES = ("method", "tables", "figures", "ablations")
CAUSES = "causes"  # of a paper whose numbers we miss by far
COLUMNS = {  # heading to the kind of its column: what it is filtered by, or that it holds numbers
    "paper": "choice",
    "method": "text",
    "data": "choice",
    "metric": "choice",
    "printed": "number",
    "ours": "number",
    "difference": "number",
    "state": "choice",
    "scale": "choice",
    "place": "text",
    "records": "text",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A printed number or statement as it stands, at the largest scale that has a value of ours."""

    claim: Claim
    scale: str
    judged: Judged

    @property
    def state(self) -> str:
        """One of `SHOWN`."""
        return standing(self.judged, self.scale)

    @property
    def level(self) -> str:
        """The scale of the run; a calculation has none."""
        return CALCULATED if self.judged.computed else self.scale

    @property
    def difference(self) -> float | None:
        """Ours minus printed, in the claim's unit; None where one of them is no number."""
        got, known = self.judged.obtained, self.judged.cell.printed
        return None if got is None or known is None else got.mean - known


@dataclass(frozen=True)
class Scoreboard:
    """Entries of all papers, in the order of their pages."""

    entries: tuple[Entry, ...]

    def headline(self) -> Html:
        """What there is and what came out: a count of each state, and what it means in a few words."""
        states = [entry.state for entry in self.entries]
        count = {state: f"<b>{states.count(state):,}</b>" for state in SHOWN}
        claims = len({entry.claim.id for entry in self.entries})
        tested = states.count("agrees") + states.count("differs")
        computed = sum(entry.judged.computed for entry in self.entries)
        return Html(
            f'<div class="headline">{tiles(states)}<p>{len(PAPERS)} papers make {claims} claims with '
            f"<b>{len(states):,}</b> numbers and statements. <b>{tested:,}</b> of them "
            f"{'is' if tested == 1 else 'are'} tested, <b>{tested - computed:,}</b> re-run as printed "
            f"and <b>{computed:,}</b> {CALCULATED}: {count['agrees']} agree, "
            f"{count['differs']} differ. {count[SMALLER]} more have a smaller run of ours, which is not "
            f"yet a test; {count['not run']} wait for their runs; {count[CHOSE]} helped to choose our "
            f"settings, and test nothing. The rest is quoted from work that the "
            f"papers compare with, or lost.</p></div>"
        )

    def papers(self) -> Html:
        """A bar for each paper: its numbers by state, with links to its pages."""
        return Html(f'<div class="papers">{"".join(self._paper(paper) for paper in PAPERS)}</div>')

    def _paper(self, paper: str) -> str:
        states = [entry.state for entry in self.entries if entry.claim.paper == paper]
        pages = (*PAGES, CAUSES) if searched(paper) else PAGES
        links = " · ".join(f'<a href="page:notebooks/{paper}/{page}">{page}</a>' for page in pages)
        return (
            f"<section><h3>{html.escape(short_name(paper))} <small>{html.escape(PAPERS[paper].TITLE)}"
            f"</small></h3>{bar(states)}<p>{counted(states)}</p><p>{links}</p></section>"
        )

    def table(self) -> Html:
        """Printed beside ours, a line for each number that we have, with links to its records."""
        ours = [(entry, got) for entry in self.entries if (got := entry.judged.obtained)]
        ours.sort(key=lambda pair: _late(pair[0].judged))
        rows = "".join(_row(entry, got) for entry, got in ours)
        heads = "".join(f'<th scope="col" data-kind="{COLUMNS[name]}">{name}</th>' for name in COLUMNS)
        caption = (
            f"{len(ours):,} printed numbers and statements beside a run or a calculation of ours. A "
            "run's value is the mean over seeds; each number under “records” is a seed, and leads to "
            "its record."
        )
        return Html(
            f'<div class="board"><table class="board" id="scoreboard"><caption>{caption}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
            + download("scoreboard", self.frame().to_csv(index=False))
        )

    def frame(self) -> pd.DataFrame:
        """Every entry, also those without a run, a line each."""
        return pd.DataFrame([_values(entry) for entry in self.entries])


def scoreboard(scale: str, store: Store) -> Scoreboard:
    """What all papers print, beside the records of a scale or of the largest smaller one with some."""
    claims = [claim for claim in CLAIMS.values() if not claim.ours]
    return Scoreboard(tuple(entry for claim in claims for entry in entries(claim, scale, store)))


def entries(claim: Claim, scale: str, store: Store) -> Iterator[Entry]:
    """The claim's printed cells; what it does not print is no claim."""
    scales = [
        at for at in reversed(SCALES[: SCALES.index(scale) + 1]) if at == scale or claim.plan.get(at)
    ]
    by_scale = [judge(claim, at, store)[: len(claim.cells)] for at in scales]
    for several in zip(*by_scale, strict=True):
        if says_something(several[0].cell):
            obtained = (i for i, judged in enumerate(several) if judged.obtained)
            chosen = next(obtained, 0)
            yield Entry(claim=claim, scale=scales[chosen], judged=several[chosen])


def says_something(cell: Cell) -> bool:
    """Whether a number or a statement is printed there, even if our copy of the text has lost it."""
    return cell.printed is not None or cell.bound is not None or cell.lost


def short_name(paper: str) -> str:
    """What its authors call a paper's method; a star is a variant's."""
    known = methods("paper").items()
    return min((n for n, config in known if config.method == paper and not n.endswith("*")), key=len)


def tiles(states: Sequence[str]) -> str:
    """A number for each state, large enough to be read first."""
    items = "".join(
        f'<li class="{state_class(state)}"><b>{states.count(state):,}</b> {state}</li>'
        for state in SHOWN
        if state in states
    )
    return f'<ul class="tiles">{items}</ul>'


def bar(states: Sequence[str]) -> str:
    """One bar, divided among the states by their shares; its label says the counts."""
    counts = {state: states.count(state) for state in SHOWN if state in states}
    label = ", ".join(f"{count} {state}" for state, count in counts.items())
    parts = "".join(
        f'<i class="{state_class(state)}" style="flex-grow: {count}" title="{count} {state}"></i>'
        for state, count in counts.items()
    )
    return f'<div class="bar" role="img" aria-label="{label}">{parts}</div>'


def _late(judged: Judged) -> int:
    """Where a line comes: what runs gave, then what was calculated, then what is true of the data."""
    return 2 if judged.cell.metric in OF_DATA else int(judged.computed)


def _values(entry: Entry) -> dict[str, object]:
    cell, got = entry.judged.cell, entry.judged.obtained
    variant = " ".join(str(value) for value in cell.variant.values())
    return {
        "paper": short_name(entry.claim.paper),
        "claim": entry.claim.id,
        "place": entry.claim.where.partition(",")[0],
        "method": f"{cell.row} {variant}".strip(),
        "data": cell.dataset,
        "metric": METRICS.get(cell.metric, cell.metric.replace("_", " ")),
        "printed": printed(entry.judged),
        "ours": got.mean if got else None,
        "std": got.std if got else None,
        "n": got.n if got else None,
        "difference": entry.difference,
        "scale": entry.level,
        "state": entry.state,
    }


def _row(entry: Entry, got: Obtained) -> str:
    cell, values, change = entry.judged.cell, _values(entry), entry.difference
    signed = "" if change is None else f"{change:+.{max(cell.places, 1)}f}".replace("-", "−")
    missing = [f"of {entry.judged.asked}"] if got.n and got.n < entry.judged.asked else []
    seeds, mean = zip(got.seeds, got.records, strict=True), spread(got, cell)
    shown = {
        "printed": (html.escape(printed(entry.judged)), cell.printed),
        "ours": (record_link(got.records[0], mean) if got.records else mean, got.mean),
        "difference": (signed, change),
        "records": (" ".join([record_link(key, str(seed)) for seed, key in seeds] + missing), got.n),
    }
    cells = ""
    for name in COLUMNS:
        text, value = shown[name] if name in shown else (html.escape(str(values[name])), None)
        sort = "" if value is None else f' data-value="{value}"'
        style = f' class="{state_class(entry.state)}"' if name in ("ours", "state") else ""
        cells += f"<td{style}{sort}>{text}</td>"
    return f"<tr>{cells}</tr>"
