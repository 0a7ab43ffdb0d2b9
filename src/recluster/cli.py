"""The command line: list, run, show, status, fit, results ..., and data list, fetch, verify."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from recluster.spec import SCALES, InputError, Run, check_scale, one_of

if TYPE_CHECKING:
    from recluster.bundle import Bundle
    from recluster.launched import Where
    from recluster.pool import Progress
    from recluster.schedule import Pace, Report, Task
    from recluster.store import Record, Store

app = typer.Typer(
    help="Deep clustering, reproduced: claims, runs, records.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="The data sets: list, fetch, extract, verify.", no_args_is_help=True)
app.add_typer(data_app, name="data")
results_app = typer.Typer(help="The records: list, verify, stale, prune, merge.", no_args_is_help=True)
app.add_typer(results_app, name="results")

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
    from recluster.report.verdict import CALCULATED, STATES, best_scale, judge
    from recluster.store import Snapshot

    store = Snapshot(results)
    for claim in CLAIMS.values():
        scale = best_scale(claim, store)
        judged = judge(claim, scale, store)
        counts = Counter(one.state for one in judged)
        states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
        if computed := sum(one.computed for one in judged):
            states += f" ({computed} {CALCULATED})"
        print(f"{claim.id:14} {claim.where:34} {scale:7} {states}")
        print(f"{'':14} {claim.title}")


@app.command()
def run(
    names: Names,
    scale: ScaleOption = "laptop",
    seeds: Annotated[int | None, typer.Option(help="number of seeds [1, 3 or 5 by scale]")] = None,
    again: Annotated[bool, typer.Option("--again", help="also what has a record")] = False,
    device: Annotated[str | None, typer.Option(help="cpu or cuda [cuda if there is one]")] = None,
    precision: Annotated[
        str, typer.Option(help="of matrix products: float32, bfloat16 (cpu) or tf32 (cuda)")
    ] = "float32",
    workers: Annotated[int | None, typer.Option(help="so many processes of this machine")] = None,
    scheduler: Annotated[str | None, typer.Option(help="address of a Dask cluster that runs")] = None,
    budget: Annotated[str | None, typer.Option(help="begin nothing that ends later: 8m")] = None,
    out: Annotated[Path | None, typer.Option(help="a folder: put the new records there too")] = None,
    results: ResultsOption = None,
) -> None:
    """Do the runs that the claims lack at a scale, and store their records.

    What was interrupted or killed goes on with the same command. Under torchrun all of its processes do
    each run together.
    """
    import torch

    from recluster.asked import Asked
    from recluster.bundle import Bundle
    from recluster.launched import Where, joined, serve
    from recluster.papers import CLAIMS, matching
    from recluster.parts.precision import PRECISIONS, check_precision
    from recluster.parts.ranks import rank
    from recluster.pool import check_where
    from recluster.schedule import Pace, plan, seconds_of
    from recluster.store import Store

    check_where(workers, scheduler)
    with joined(device, workers, scheduler) as device:
        if rank() > 0:
            serve(device, precision)
            return
        used = device or ("cuda" if torch.cuda.is_available() else "cpu")
        one_of("precision", precision, PRECISIONS)
        if scheduler is None:  # its workers may be other machines, and say so themselves
            check_precision(precision, used)
        limit = None if budget is None else seconds_of(budget)
        store = Store(results)
        runs = [run for claim in matching(names) for run in claim.runs(scale, seeds)]
        tasks = plan(runs, store, Asked(CLAIMS.values()), again=again)
        bundle = None if out is None else Bundle(out)
        if bundle is not None:
            bundle.catch_up(store, (one for run in runs for one in run.chain()))
        if not tasks:
            print("nothing to run at this scale" if not runs else "all records are there")
            return
        store.check_writable()
        where = Where(workers=workers, scheduler=scheduler, device=device, precision=precision)
        _conclude(_carried_out(tasks, store, Pace(used, store.valid()), where, limit, bundle))


def _carried_out(
    tasks: list[Task],
    store: Store,
    pace: Pace,
    where: Where,
    limit: float | None,
    bundle: Bundle | None,
) -> Report:
    """What became of the tasks, told as they end; exit code 130 if interrupted."""
    from recluster.launched import place_for
    from recluster.schedule import Schedule

    try:
        with _progress(len(tasks)) as (watch, done), place_for(where, watch) as place:
            forecast = _forecast([pace.seconds(task.run) for task in tasks], place.slots)
            print(forecast, file=sys.stderr)

            def tell(run: Run, record: Record | None) -> None:
                if record is None:
                    done(run, f"{run.name}: not done here")
                    return
                done(run, f"{run.name}: {record.status}, {record.seconds['total']:.0f} s")
                if record.error is not None:
                    print(record.error, file=sys.stderr)

            schedule = Schedule(tasks, store, place, pace, tell=tell, budget=limit, bundle=bundle)
            return schedule.carry_out()
    except KeyboardInterrupt:
        print("stopped; all that is stored is whole, and the same command goes on", file=sys.stderr)
        raise typer.Exit(130) from None


def _forecast(estimates: list[float | None], slots: int) -> str:
    known = [seconds for seconds in estimates if seconds is not None]
    parts = [f"{len(estimates)} runs, {slots} at once"]
    if known:
        parts.append(
            f"about {sum(known) / min(slots, len(known)) / 60:.1f} min for {len(known)} of them"
        )
    if len(known) < len(estimates):
        parts.append(f"{len(estimates) - len(known)} of unknown length, with no record to judge by")
    return "; ".join(parts)


def _conclude(report: Report) -> None:
    """Say what is left; exit code 1 after a failure, an `InputError` for what cannot be."""
    if report.left:
        print(f"{len(report.left)} runs left, beyond the budget: {_few(r.name for r in report.left)}")
        print("the same command does them")
    failed = report.failed
    if failed:
        print(f"{len(failed)} runs failed: {_few(failed)}", file=sys.stderr)
    if report.refused:
        reasons = "; ".join(dict.fromkeys(report.refused.values()))
        raise InputError(f"{len(report.refused)} runs cannot be done: {reasons}")
    if failed:
        raise typer.Exit(1)


def _few(names: Iterable[str]) -> str:
    """The first names of many."""
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@contextmanager
def _progress(
    total: int,
) -> Iterator[tuple[Callable[[Progress], None], Callable[[Run, str], None]]]:
    """A bar for each run under way and one for all, with an estimate; plain lines without a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
    )
    with Bars(*columns, console=console, disable=not console.is_terminal) as bars:
        whole = bars.add_task("all runs", total=total)
        rows: dict[str, TaskID] = {}
        shares: dict[str, float] = {}
        finished, begin = 0, time.monotonic()

        def watch(now: Progress) -> None:
            run = now.run
            label = f"{run.method} {run.dataset} s{run.seed} {now.phase}"
            if run.name not in rows:
                rows[run.name] = bars.add_task(label, total=now.epochs)
            bars.update(rows[run.name], description=label, completed=now.epoch, total=now.epochs)
            shares[run.name] = now.epoch / now.epochs
            bars.update(whole, completed=finished + sum(shares.values()))

        def done(run: Run, line: str) -> None:
            nonlocal finished
            finished += 1
            if run.name in rows:
                bars.remove_task(rows.pop(run.name))
                del shares[run.name]
            bars.update(whole, completed=finished + sum(shares.values()))
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
    from recluster.store import Snapshot

    found, store = find(claim), Snapshot(results)
    if scale is not None:
        check_scale(scale)
    at = scale or best_scale(found, store)
    print(render(found, at, judge(found, at, store), form.value))


@app.command()
def status(
    scale: Annotated[str | None, typer.Option(help="one scale [all]")] = None,
    results: ResultsOption = None,
) -> None:
    """Which runs are there, missing, failed or stale, claim by claim; and what needs none."""
    from recluster.asked import Asked
    from recluster.papers import CLAIMS
    from recluster.report.verdict import CALCULATED
    from recluster.standing import state
    from recluster.store import Snapshot

    store, asked = Snapshot(results), Asked(CLAIMS.values())
    if scale is not None:
        check_scale(scale)
    for at in [scale] if scale else SCALES:
        for claim in CLAIMS.values():
            runs = claim.runs(at)
            found = Counter(state(run, store, diagnosed=asked.diagnoses(run)) for run in runs)
            total, there = found.total(), found.pop("there", 0)
            lacking = ", ".join(f"{number} {name}" for name, number in sorted(found.items()))
            hint = f"{lacking}: recluster run {claim.id} --scale {at}" if lacking else ""
            if total:
                print(f"{at:7} {claim.id:14} {there:3} of {total:3} runs  {hint}".rstrip())
    for claim in CLAIMS.values():
        if claim.computed:
            print(f"{'-':7} {claim.id:14} {len(claim.computed)} cells {CALCULATED}, without a run")
    broken = store.invalid()
    print(f"{len(store.folders())} records in {store.root}, {len(broken)} of them not valid")
    if broken:
        raise InputError("; ".join(broken))


@results_app.command("list")
def results_list(
    claim: Annotated[str | None, typer.Option(help="records that this claim needs")] = None,
    method: Annotated[str | None, typer.Option(help="records of this method")] = None,
    scale: Annotated[str | None, typer.Option(help="records of this scale")] = None,
    results: ResultsOption = None,
) -> None:
    """The records, one a line: run, state, accuracy, seconds, device, commit."""
    from recluster.methods import METHODS
    from recluster.papers import find
    from recluster.store import Store, folder_name
    from recluster.upkeep import planned, run_of

    if scale is not None:
        check_scale(scale)
    if method is not None:
        one_of("method", method, METHODS)
    asked = None if claim is None else find(claim)
    for record in Store(results).records():
        run = run_of(record)
        if asked and (run is None or (run.dataset, run.config) not in planned(asked, run.scale)):
            continue
        if method in (None, record.run["method"]) and scale in (None, record.run["scale"]):
            acc = f"{record.scores['acc']:.3f}" if "acc" in record.scores else "-"
            where = (
                f"{record.environment.get('device', '-'):5} {record.environment.get('commit') or '-'}"
            )
            took = f"{record.seconds['total']:8.1f} s"
            print(f"{folder_name(record):50} {record.status:8} {acc:5} {took} {where}")


@results_app.command("verify")
def results_verify(
    rerun: Annotated[int, typer.Option(help="also do so many finished runs again")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda [cuda if there is one]")] = None,
    results: ResultsOption = None,
) -> None:
    """Check every record; run some again, at random, and compare. Exit code 1 if one is not right."""
    from recluster.asked import Asked
    from recluster.papers import CLAIMS
    from recluster.store import Store, folder_name
    from recluster.upkeep import agreement, chosen
    from recluster.upkeep import rerun as done_again

    if rerun < 0:
        raise InputError(f"the number of runs to do again must be 0 or more, got {rerun}")
    store = Store(results)
    broken = store.invalid()
    for line in broken:
        print(line)
    print(f"{len(store.folders())} records, {len(broken)} of them not valid")
    differing = 0
    for run, record in chosen(store, rerun, Asked(CLAIMS.values())):
        agrees, how = agreement(record, done_again(run, record, device).record)
        differing += not agrees
        print(f"{folder_name(record)}: {'agrees' if agrees else 'DIFFERS'}, {how}")
    if broken or differing:
        raise typer.Exit(1)


@results_app.command("stale")
def results_stale(results: ResultsOption = None) -> None:
    """Records that no longer speak for the code, failed, or that no claim wants."""
    from recluster.asked import Asked
    from recluster.papers import CLAIMS
    from recluster.store import Store, folder_name
    from recluster.upkeep import fault

    asked = Asked(CLAIMS.values())
    for record in Store(results).records():
        if why := fault(record, asked):
            print(f"{folder_name(record)}: {why}")


@results_app.command("prune")
def results_prune(
    yes: Annotated[bool, typer.Option("--yes", help="remove what is listed")] = False,
    results: ResultsOption = None,
) -> None:
    """List what `stale` lists and what killed processes left; with --yes, remove it."""
    from recluster.asked import Asked
    from recluster.papers import CLAIMS
    from recluster.store import Store, folder_name
    from recluster.upkeep import fault, leftovers, remove

    store, asked = Store(results), Asked(CLAIMS.values())
    found = {store.root / folder_name(record): fault(record, asked) for record in store.records()}
    found = {path: why for path, why in found.items() if why and not store.busy(path.name)}
    found |= dict.fromkeys(leftovers(store), "left by a process that was killed")
    for path, why in found.items():
        print(f"{path}: {why}")
    if found and not yes:
        print(f"{len(found)} to remove; nothing was, give --yes to do it")
    elif found:
        remove(found)
        print(f"{len(found)} removed")
    else:
        print("nothing to remove")


@results_app.command("merge")
def results_merge(
    bundles: Annotated[list[Path], typer.Argument(help="folders written by recluster run --out")],
    replace: Annotated[
        bool, typer.Option("--replace", help="take theirs where two finished records differ")
    ] = False,
    results: ResultsOption = None,
) -> None:
    """Take the records of bundles into the store; one that is not right is refused as a whole."""
    from recluster.asked import Asked
    from recluster.papers import CLAIMS
    from recluster.store import Store
    from recluster.upkeep import merge

    merged = merge(Store(results), bundles, Asked(CLAIMS.values()), replace=replace)
    for name, how in merged.kept.items():
        print(f"{name}: differs, {how}; ours is kept, --replace takes theirs")
    for name in merged.useless:
        print(f"{name}: failed or stale, not taken")
    print(
        f"{len(merged.added)} added, {len(merged.replaced)} replaced, {len(merged.equal)} equal, "
        f"{len(merged.kept)} differing and kept, {len(merged.useless)} not taken"
    )


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(help=".npy, .npz, .csv, .parquet, or a folder of images")],
    k: Annotated[int | None, typer.Option("-k", help="number of clusters")] = None,
    method: Annotated[str | None, typer.Option(help="such as kmeans, idec, dcss")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="labels, as .csv")] = Path("labels.csv"),
    report: Annotated[Path | None, typer.Option(help="also a page of HTML about the result")] = None,
    labels: Annotated[
        str | None, typer.Option(help="classes, to score by: a column, an array, a file, or folders")
    ] = None,
    array: Annotated[str | None, typer.Option(help="which array of an .npz")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="a column to leave out; repeatable")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="name=value, as start.epochs=20; repeatable")
    ] = None,
    standardise: Annotated[bool, typer.Option("--standardise", help="z-scores of features")] = False,
    seed: Annotated[int, typer.Option(help="of all that is random")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu or cuda [cuda if there is one]")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite what is there")] = False,
) -> None:
    """Cluster data of your own: labels as .csv and, if asked for, a page of HTML about them."""
    from recluster.own import Request, cluster, summary

    request = Request(
        data=data,
        k=k,
        method=method,
        output=output,
        report=report,
        labels=labels,
        array=array,
        drop=tuple(drop or ()),
        settings=tuple(settings or ()),
        standardise=standardise,
        seed=seed,
        device=device,
        force=force,
    )
    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("reading", total=None)
        outcome = cluster(
            request,
            lambda step: bars.update(
                bar, description=step.phase, completed=step.epoch, total=step.epochs
            ),
        )
    for caution in outcome.cautions:
        print(f"warning: {caution.title} {caution.text}", file=sys.stderr)
    print(summary(outcome))
    print(" ".join(f"wrote {path}" for path in (output, report) if path is not None))


@data_app.command("list")
def data_list() -> None:
    """The data sets and whether their files are there."""
    from recluster.data import summary

    for entry in summary():
        shape = "x".join(map(str, entry["shape"]))
        print(
            f"{entry['name']:22} {entry['n']:9,} x {shape:8} k={entry['k']:<4} "
            f"{entry['state']:8} {entry['description']}"
        )


@data_app.command("fetch")
def data_fetch(name: str) -> None:
    """Download what is missing of a data set, and check it."""
    from recluster.data import fetch

    for path, state in fetch(name):
        print(f"{state:8} {path}")


@data_app.command("extract")
def data_extract(
    names: list[str],
    device: Annotated[str | None, typer.Option(help="cpu or cuda [cuda if there is one]")] = None,
) -> None:
    """Make feature sets, such as stl10-resnet152, from images and a pretrained network."""
    from recluster.data.features import extract

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        for name in names:
            bar = bars.add_task(name, total=None)

            def tell(done: int, of: int, bar: TaskID = bar) -> None:
                bars.update(bar, completed=done, total=of)

            print(f"wrote {extract(name, device=device, tell=tell)}")


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
