"""Every record on one page, each under an anchor of its own: what a number on another page rests on."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recluster.papers import CLAIMS
from recluster.report.card import gigabytes, hours
from recluster.report.table import Html, download, number, state_class
from recluster.spec import Run
from recluster.standing import CURRENT, STALE, standing
from recluster.store import FAILED, Record, Store, folder_name

UNUSED = "of no claim"
STYLES = {CURRENT: "agrees", STALE: "stale", UNUSED: "not run", FAILED: "differs"}
SCORES = {"acc": "ACC", "nmi": "NMI", "nmi_max": "NMI (max)", "ari": "ARI"}
COLUMNS = {  # heading to the kind of its column: what it is filtered by, or that it holds numbers
    "method": "choice",
    "data": "choice",
    "scale": "choice",
    "seed": "number",
    **dict.fromkeys(SCORES.values(), "number"),
    "time": "number",
    "memory": "number",
    "device": "choice",
    "precision": "choice",
    "commit": "text",
    "stands": "choice",
    "settings": "text",
    "file": "text",
}

Used = Mapping[str, tuple[Run, list[str]]]
"""A run's key to the run, and to the claims that need it."""


@dataclass(frozen=True)
class Listing:
    """All records, seeds of one configuration beside each other, and how each stands."""

    lines: tuple[tuple[Record, str, tuple[str, ...]], ...]

    def headline(self) -> Html:
        """How many there are, what they cost, and how many no longer count."""
        records = [record for record, *_ in self.lines]
        states = [state for _, state, _ in self.lines]
        counts = " ".join(
            f'<span class="{state_class(style)}">{states.count(state)} {state}</span>'
            for state, style in STYLES.items()
            if state in states
        )
        total = hours(sum(record.seconds["total"] for record in records))
        peak = gigabytes(max((record.memory_mb for record in records), default=0))
        return Html(
            f"<p><b>{len(records):,}</b> records, <b>{total}</b> of training in all, at most "
            f"<b>{peak}</b> of memory. {counts}</p>"
        )

    def table(self) -> Html:
        """A line for each record, with its settings and its file."""
        heads = "".join(f'<th scope="col" data-kind="{COLUMNS[name]}">{name}</th>' for name in COLUMNS)
        rows = "".join(_row(*line) for line in self.lines)
        return Html(
            f'<div class="board"><table class="board" id="records"><caption>Scores in percent, training '
            f"time without scoring, peak memory.</caption><thead><tr>{heads}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
            + download("records", self.frame().to_csv(index=False))
        )

    def faults(self) -> Html:
        """The records that no table shows: failed, stale, or needed by no claim."""
        items = [
            f'<li><a href="record:{record.key}"><code>{folder_name(record)}</code></a>: {state}</li>'
            for record, state, _ in self.lines
            if state != CURRENT
        ]
        return Html(f'<ul class="faults">{"".join(items)}</ul>' if items else "<p>None.</p>")

    def frame(self) -> pd.DataFrame:
        """A line for each record, numbers as they are recorded."""
        return pd.DataFrame(
            {
                "key": record.key,
                **{name: record.run[name] for name in ("method", "dataset", "scale", "seed")},
                **{name: record.scores.get(name) for name in SCORES},
                "seconds": record.seconds["total"],
                "memory_mb": record.memory_mb,
                "precision": record.precision,
                **{name: record.environment.get(name) for name in ("device", "commit", "dirty")},
                "started": record.started,
                "stands": state,
                "claims": " ".join(claims),
            }
            for record, state, claims in self.lines
        )


def listing(store: Store) -> Listing:
    """Every valid record of the store and how it stands."""
    records = sorted(store.valid(), key=_order)
    used = needed(max((record.run["seed"] for record in records), default=0) + 1)
    return Listing(tuple((one, _standing(one, used), _claims(one, used)) for one in records))


def needed(seeds: int) -> Used:
    """The runs of all claims for so many seeds, and of everything that these start from."""
    found: dict[str, tuple[Run, list[str]]] = {}
    for claim in CLAIMS.values():
        for scale in claim.plan:
            for run in (one for asked in claim.runs(scale, seeds) for one in asked.chain()):
                claims = found.setdefault(run.key, (run, []))[1]
                if claim.id not in claims:
                    claims.append(claim.id)
    return found


def _claims(record: Record, used: Used) -> tuple[str, ...]:
    return tuple(used[record.key][1]) if record.key in used else ()


def _standing(record: Record, used: Used) -> str:
    if record.status == FAILED:
        return FAILED
    if record.key not in used:
        return UNUSED
    return standing(record, used[record.key][0].config)


def _order(record: Record) -> tuple[str, str, str, str, int]:
    run = record.run
    return run["method"], run["dataset"], run["scale"], str(run["config"]), run["seed"]


def _row(record: Record, state: str, claims: Sequence[str]) -> str:
    run, place = record.run, record.environment
    dirty = " with uncommitted changes" if place["dirty"] else ""
    name = folder_name(record)
    shown: dict[str, tuple[str, Any]] = {
        "method": (html.escape(run["method"]), None),
        "data": (html.escape(run["dataset"]), None),
        "scale": (run["scale"], None),
        "seed": (str(run["seed"]), run["seed"]),
        **{head: _score(record, score) for score, head in SCORES.items()},
        "time": (hours(record.seconds["total"]), record.seconds["total"]),
        "memory": (gigabytes(record.memory_mb), record.memory_mb),
        "device": (html.escape(place.get("device", "")), None),
        "precision": (html.escape(record.precision), None),
        "commit": (f"<code>{html.escape(str(place['commit']))}</code>{dirty}", None),
        "stands": (state, None),
        "settings": (_settings(record, claims), None),
        "file": (f'<a href="record-file:{name}" download="{name}.json">JSON</a>', None),
    }
    cells = ""
    for head in COLUMNS:
        text, value = shown[head]
        sort = "" if value is None else f' data-value="{value}"'
        style = f' class="{state_class(STYLES[state])}"' if head == "stands" else ""
        cells += f"<td{style}{sort}>{text}</td>"
    return f'<tr id="{record.key}">{cells}</tr>'


def _score(record: Record, name: str) -> tuple[str, float | None]:
    value = record.scores.get(name)
    return ("", None) if value is None else (number(100 * value), value)


def _settings(record: Record, claims: Sequence[str]) -> str:
    lines = [f"{name} = {value}" for name, value in _flat(record.run["config"])]
    about = [f"key {record.key}", f"started {record.started}"]
    about.append(f"data {record.data.get('checksum', 'not read')[:12]}")
    about.append(f"for {', '.join(claims)}" if claims else "for no claim")
    about += (record.error or "").splitlines()[-1:]
    told = "\n".join(map(html.escape, [*about, "", *lines]))
    return f"<details><summary>{len(lines)} settings</summary><pre>{told}</pre></details>"


def _flat(config: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Names and values; those of what it starts from are headed by its name."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", value
