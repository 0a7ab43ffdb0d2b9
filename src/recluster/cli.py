"""The command line: list, run, show, status, and data list, fetch, verify."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from recluster.spec import SCALES, InputError, Run, Step, check_scale

app = typer.Typer(
    help="Deep clustering, reproduced: claims, runs, records.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="The data sets: list, fetch, verify.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Names = Annotated[list[str], typer.Argument(help="claims (pcx.table6) or papers (pcx)")]
ScaleOption = Annotated[str, typer.Option("--scale", help="smoke, laptop or paper")]
ResultsOption = Annotated[
    Path | None, typer.Option("--results", help="the folder of records [results/]")
]


class Form(StrEnum):
    """How `show` prints a claim."""

    text = "text"
    csv = "csv"
    json = "json"
    markdown = "markdown"


def main() -> None:
    """Run the command line; what the user did wrong is one line and exit code 2."""
    try:
        app()
    except InputError as problem:
        print(f"recluster: {problem}", file=sys.stderr)
        sys.exit(2)


@app.command("list")
def list_claims(results: ResultsOption = None) -> None:
    """Every claim of every paper, and how its cells stand at the largest scale with records."""
    from recluster.papers import CLAIMS
    from recluster.report.verdict import STATES, best_scale, judge
    from recluster.store import Store

    store = Store(results)
    for claim in CLAIMS.values():
        scale = best_scale(claim, store)
        counts = Counter(one.state for one in judge(claim, scale, store))
        states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
        print(f"{claim.id:14} {claim.where:34} {scale:7} {states}")
        print(f"{'':14} {claim.title}")


@app.command()
def run(
    names: Names,
    scale: ScaleOption = "laptop",
    seeds: Annotated[int | None, typer.Option(help="number of seeds [1, 3 or 5 by scale]")] = None,
    again: Annotated[bool, typer.Option("--again", help="also what has a record")] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda [cuda if there is one]")] = None,
    results: ResultsOption = None,
) -> None:
    """Do the runs that the claims lack at a scale, and store their records."""
    from recluster.papers import matching
    from recluster.run import execute, missing
    from recluster.store import FAILED, Store

    store = Store(results)
    runs = [run for claim in matching(names) for run in claim.runs(scale, seeds)]
    wanted = list({run.key: run for run in runs}.values()) if again else missing(runs, store)
    if not wanted:
        print("nothing to run at this scale" if not runs else "all records are there")
        return
    failed = []
    with _progress(len(wanted)) as (watch, done):
        for one in wanted:
            record = execute(one, store, device=device, watch=watch)
            done(f"{one.name}: {record.status}, {record.seconds['total']:.0f} s")
            if record.status == FAILED:
                failed.append(one.name)
                print(record.error, file=sys.stderr)
    if failed:
        print(f"{len(failed)} of {len(wanted)} runs failed: {', '.join(failed)}", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _progress(total: int) -> Iterator[tuple[Callable[[Run, Step], None], Callable[[str], None]]]:
    """A bar for the run and one for all, each with an estimate; plain lines without a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        whole = bars.add_task("all runs", total=total)
        current = bars.add_task("", total=None)
        finished, begin = 0, time.monotonic()

        def watch(run: Run, step: Step) -> None:
            label = f"{run.method} {run.dataset} s{run.seed} {step.phase}"
            bars.update(current, description=label, completed=step.epoch, total=step.epochs)
            bars.update(whole, completed=finished + step.epoch / step.epochs)

        def done(line: str) -> None:
            nonlocal finished
            finished += 1
            bars.reset(current)
            bars.update(whole, completed=finished)
            left = (time.monotonic() - begin) / finished * (total - finished)
            hint = f"; about {left / 60:.0f} min left" if left else ""
            console.print(f"[{finished}/{total}] {line}{hint}", highlight=False, markup=False)

        yield watch, done


@app.command()
def show(
    claim: Annotated[str, typer.Argument(help="a claim, such as pcx.table6")],
    scale: Annotated[
        str | None, typer.Option(help="smoke, laptop or paper [largest with records]")
    ] = None,
    form: Annotated[Form, typer.Option("--format")] = Form.text,
    results: ResultsOption = None,
) -> None:
    """A claim: what was printed, what we obtained, and the verdict."""
    from recluster.papers import find
    from recluster.report.table import render
    from recluster.report.verdict import best_scale, judge
    from recluster.store import Store

    found, store = find(claim), Store(results)
    if scale is not None:
        check_scale(scale)
    at = scale or best_scale(found, store)
    print(render(found, at, judge(found, at, store), form.value))


@app.command()
def status(
    scale: Annotated[str | None, typer.Option(help="one scale [all]")] = None,
    results: ResultsOption = None,
) -> None:
    """Which runs are there, missing, failed or stale, claim by claim."""
    from recluster.papers import CLAIMS
    from recluster.run import missing
    from recluster.store import Store, read

    store = Store(results)
    if scale is not None:
        check_scale(scale)
    for at in [scale] if scale else SCALES:
        for claim in CLAIMS.values():
            runs = claim.runs(at)
            lacking = {run.key for run in missing(runs, store)}
            there = sum(run.key not in lacking for run in runs)
            if runs:
                hint = f"recluster run {claim.id} --scale {at}" if there < len(runs) else ""
                print(f"{at:7} {claim.id:14} {there:3} of {len(runs):3} runs  {hint}".rstrip())
    broken = []
    for folder in store.folders():
        try:
            read(folder)
        except InputError as problem:
            broken.append(str(problem))
    print(f"{len(store.folders())} records in {store.root}, {len(broken)} of them not valid")
    if broken:
        raise InputError("; ".join(broken))


@data_app.command("list")
def data_list() -> None:
    """The data sets and whether their files are there."""
    from recluster.data import summary

    for entry in summary():
        shape = "x".join(map(str, entry["shape"]))
        print(
            f"{entry['name']:11} {entry['n']:7,} x {shape:8} k={entry['k']:<3} "
            f"{entry['state']:8} {entry['description']}"
        )


@data_app.command("fetch")
def data_fetch(name: str) -> None:
    """Download what is missing of a data set, and check it."""
    from recluster.data import fetch

    for path, state in fetch(name):
        print(f"{state:8} {path}")


@data_app.command("verify")
def data_verify(name: str) -> None:
    """Check a data set's files by SHA-256; exit code 1 if one is not right."""
    from recluster.data import verify

    found = verify(name)
    for path, state in found:
        print(f"{state:8} {path}")
    if any(state != "ok" for _, state in found):
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """The package's version and the commit of its checkout."""
    from recluster import __version__
    from recluster.run import commit

    print(json.dumps({"version": __version__, **commit()}))
