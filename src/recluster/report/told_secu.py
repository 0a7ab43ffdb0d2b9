"""What SeCu's small runs must be read with, in sentences whose numbers come from records."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np

from recluster.methods import kmeans
from recluster.papers import find
from recluster.report.gains import by_seed
from recluster.report.page import Page
from recluster.report.table import Html
from recluster.spec import Config
from recluster.store import Record

KEPT = {"secu.table1": "128", "secu.direction": "dimension 128"}
"""Claim to the row of SeCu with no setting changed."""


def beside_kmeans(page: Page, name: str) -> Html:
    """ACC of a claim's unchanged SeCu on each data set, beside that of k-means on the raw samples."""
    items = []
    for dataset, config, scale in _planned(page, name, KEPT[name]):
        ours = by_seed(config, dataset, scale, page.store)
        theirs = by_seed(kmeans.Config(), dataset, scale, page.store)
        if ours and theirs:
            above = [
                ours[seed].scores["acc"] > theirs[seed].scores["acc"] for seed in ours if seed in theirs
            ]
            items.append(
                f"<li>{html.escape(dataset)}, {scale} scale: {_mean(ours)} percent of the samples are "
                f"right, and {_mean(theirs)} with k-means on the raw pixels; SeCu is above it in "
                f"{sum(above)} of {len(above)} seeds</li>"
            )
    return _listed(items)


def steps(page: Page, name: str) -> Html:
    """How many steps each row of a claim on batch sizes takes, and its ACC."""
    rows = dict.fromkeys(row for at in page.scales(find(name)) for row, *_ in find(name).planned(at))
    items = []
    for row in rows:
        for dataset, config, scale in _planned(page, name, row):
            if found := by_seed(config, dataset, scale, page.store):
                count = _steps(next(iter(found.values())))
                items.append(
                    f"<li>{html.escape(dataset)}, {scale} scale, batches of {html.escape(row)}: "
                    f"{count:,} steps, ACC {_mean(found)}</li>"
                )
    return _listed(items)


def _listed(items: Sequence[str]) -> Html:
    return Html(f"<ul>{''.join(items)}</ul>" if items else '<p class="state-not-run">not run</p>')


def _planned(page: Page, name: str, row: str) -> list[tuple[str, Config, str]]:
    """Data set, config and scale of a row, at the page's scale and at the one that stands in for it."""
    claim = find(name)
    return [
        (dataset, config, scale)
        for scale in page.scales(claim)
        for planned, dataset, config in claim.planned(scale)
        if planned == row
    ]


def _steps(record: Record) -> int:
    """The steps of a run; a last batch of one image, which joins the one before, is not looked for."""
    config = record.run["config"]
    return int(config["epochs"] * ceil(record.data["shape"][0] / config["batch_size"]))


def _mean(records: Mapping[int, Record]) -> str:
    """Mean ACC in percent."""
    return f"{100 * np.mean([record.scores['acc'] for record in records.values()]):.1f}"
