"""What the smaller scales have other than the paper's, read off the configs that a claim plans."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping

from recluster.papers.claim import Claim
from recluster.spec import SCALES, Config

NONE = "–"


def settings_table(claim: Claim, rows: tuple[str, ...]) -> str:
    """Every option of these rows' chains of runs in which the scales differ, as HTML."""
    planned = {scale: _configs(claim, scale) for scale in reversed(SCALES)}
    lines = []
    for row in rows:
        options = {scale: dict(_flat(some[row])) for scale, some in planned.items() if row in some}
        for name in next(iter(options.values()), {}):
            values = [options[scale].get(name, NONE) if scale in options else NONE for scale in planned]
            if len(set(values)) > 1:
                lines.append((row, name, *values))
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in line) + "</tr>"
        for line in lines
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("method", "setting", *planned))
    return (
        '<div class="claim-scroll"><table class="claim"><caption>Settings in which the scales differ, '
        f"of the runs and of what they start from.</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _configs(claim: Claim, scale: str) -> Mapping[str, Config]:
    """Row to config, on the first data set that has the row."""
    return {row: config for row, _, config in reversed([*claim.planned(scale)])}


def _flat(config: Config | None, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Options by name, those of the run that it starts from after that run's method."""
    while config is not None:
        for name, value in config.canonical().items():
            if name not in ("method", "start"):
                yield prefix + name, value
        config = config.start
        prefix = f"{config.method}: " if config is not None else ""
