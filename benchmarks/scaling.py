"""How the cost of an epoch grows with the samples, the clusters and the features.

    python benchmarks/scaling.py [METHOD...] [--device cuda] [--largest 140000] [--out DIR]

Every method runs a few epochs on random data around k points, where k-means soon converges, from random
weights where it starts from others', each point in a process of its own; DCSS's phases, whose epochs
differ in kind, are two methods here. Prints seconds and peak memory with the exponents of a power law
fitted to the larger half of each series, and writes exponents.csv, scaling.csv and scaling.svg.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from recluster.methods import dcn, dcss, dec, dkm, dynae, idec, kmeans, pcx, secu, ulhe, vade
from recluster.parts import acai, normed, pretraining
from recluster.run import train
from recluster.spec import Config

BATCH, EPOCHS = 256, 3
LONG = 60.0  # seconds; a point that took longer ends after its second epoch
AE = pretraining.Config(epochs=EPOCHS, batch_size=BATCH)

CASES: dict[str, Callable[[int], Config]] = {  # by the steps of an epoch
    "AE": lambda steps: AE,
    "k-means": lambda steps: kmeans.Config(restarts=1),
    "DEC": lambda steps: dec.Config(start=AE, steps=EPOCHS * steps, refresh=steps, tolerance=0.0),
    "IDEC": lambda steps: idec.Config(start=AE, steps=EPOCHS * steps, refresh=steps, tolerance=0.0),
    "DCN": lambda steps: dcn.Config(start=AE, epochs=EPOCHS, batch_size=BATCH),
    "DKM": lambda steps: dkm.Config(start=AE, epochs=EPOCHS, batch_size=BATCH),
    "VaDE": lambda steps: vade.Config(start=AE, epochs=EPOCHS, batch_size=BATCH),
    "PC-X": lambda steps: pcx.Config(epochs=EPOCHS, burn_in=1, batch_size=BATCH),
    "ULHE-DC": lambda steps: ulhe.Config(start=normed.Config(), epochs=EPOCHS, restarts=1),
    "DynAE": lambda steps: dynae.Config(start=acai.Config(), steps=EPOCHS * steps, refresh=steps),
    "DCSS, first": lambda steps: centring.Config(start=AE, epochs=EPOCHS, batch_size=BATCH),
    "DCSS, second": lambda steps: dcss.Config(start=AE, epochs=EPOCHS, batch_size=BATCH),
    "SeCu": lambda steps: secu.Config(epochs=EPOCHS, warm_up=1, heads=1, batch_size=BATCH),
}
IMAGES = {"DynAE", "SeCu"}  # they augment: their features are pixels in three colours
BASE = {"n": 4096, "k": 10, "d": 768}
SMALL = {"SeCu": {"d": 48}}  # convolutions on a processor: an epoch of the largest n would take an hour
SERIES = {
    "n": (1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 140_000),
    "k": (2, 10, 50, 200),
    "d": (48, 192, 768, 3072),  # three colours times a square
}
PAPERS = ("PC-X", "ULHE-DC", "DynAE", "DCSS, first", "DCSS, second", "SeCu")
STYLE = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9, "legend.frameon": False}
SIZES = {"n": "samples n", "k": "clusters k", "d": "features d"}
COSTS = {"seconds": "seconds an epoch", "MB": "peak memory, MB"}
LINES = {"seconds": 0.1, "MB": 20.0}  # where the dashed lines of slope one pass the base


def point(name: str, n: int, k: int, d: int, device: str) -> tuple[float, float]:
    """Median seconds of an epoch after the first, and by how many 10^6 bytes the peak memory grew."""
    config = CASES[name](ceil(n / BATCH))
    side = round((d / 3) ** 0.5)
    if device == "cpu":
        torch.set_num_threads(1)
    before = used(device)
    shape = (3, side, side) if name in IMAGES else (d,)
    x = torch.rand(n, *shape).mul_(0.2)
    for cluster, centre in enumerate(torch.rand(k, *shape)):
        x[cluster::k] += 0.8 * centre
    weights = None
    if config.start is not None:
        weights = config.start.autoencoder(x.shape[1:]).state_dict()
    clock = time.process_time if device == "cpu" else time.perf_counter  # other processes do not count
    times, began = [], clock()
    for step in train(x.to(device), k, config, seed=0, start=weights):
        [value.item() for value in step.curves.values()]  # waits for the device
        times.append(clock() - began)
        if len(times) > 1 and sum(times) > LONG:
            break
        began = clock()
    return statistics.median(times[1:] or times), used(device) - before


def used(device: str) -> float:
    """Peak memory so far, in 10^6 bytes: of the process, or allocated on the GPU."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return torch.cuda.max_memory_allocated() / 1e6


def measured(names: list[str], device: str, largest: int) -> list[dict[str, Any]]:
    """A row for every point, printed as it comes."""
    context = multiprocessing.get_context("spawn")
    rows = []
    for name in names:
        for varied, values in SERIES.items():
            base = BASE | SMALL.get(name, {})
            for sizes in (base | {varied: value} for value in values if value <= largest):
                with context.Pool(1) as pool:
                    seconds, mb = pool.apply(point, (name, *sizes.values(), device))
                rows.append({"method": name, "varied": varied, **sizes, "seconds": seconds, "MB": mb})
                print(f"{name:12} {sizes} {seconds:9.3f} s {mb:8.0f} MB", flush=True)
    return rows


def exponents(table: pd.DataFrame) -> pd.DataFrame:
    """By method the slopes on doubly logarithmic axes, over the larger half of each series."""
    slopes: dict[str, dict[str, float]] = {}
    for (name, varied), series in table.groupby(["method", "varied"], sort=False):
        half = series[len(series) // 2 :]
        for cost in COSTS:
            slope, _ = np.polyfit(np.log(half[varied]), np.log(half[cost].clip(lower=1e-3)), 1)
            slopes.setdefault(f"{cost} by {varied}", {})[name] = slope
    return pd.DataFrame(slopes).rename_axis("method").round(2) + 0.0  # no -0.00


def drawn(table: pd.DataFrame, title: str) -> Figure:
    """Costs against sizes: the papers' methods in colour, all others in grey, k-means dotted."""
    colours = {name: f"C{number}" for number, name in enumerate(PAPERS)}
    names = sorted(table["method"].unique(), key=colours.__contains__)
    figure, grid = plt.subplots(
        len(COSTS), len(SERIES), figsize=(8, 5.5), sharex="col", sharey="row", layout="constrained"
    )
    for axes, (cost, varied) in zip(grid.flat, product(COSTS, SERIES), strict=True):
        for name in names:
            own = table[(table["method"] == name) & (table["varied"] == varied)]
            style = "o:" if name == "k-means" else "o-"
            look = {"color": colours.get(name, "0.7"), "lw": 1.5 if name in colours else 1}
            axes.loglog(
                own[varied], own[cost], style, ms=3, label=name if name in colours else None, **look
            )
        ends = np.array(SERIES[varied])[[0, -1]]
        axes.plot(ends, LINES[cost] * ends / BASE[varied], "--", color="black", lw=0.8, zorder=0)
    for axes, varied in zip(grid[-1], SERIES, strict=True):
        axes.set_xlabel(SIZES[varied])
    for axes, cost in zip(grid[:, 0], COSTS, strict=True):
        axes.set_ylabel(COSTS[cost])
    figure.suptitle(title, fontsize=8)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(PAPERS))
    return figure


def report(rows: list[dict[str, Any]], title: str, folder: Path) -> None:
    """Print the exponents, and write them, the points and their plot."""
    table = pd.DataFrame(rows)
    slopes = exponents(table)
    print(f"\nexponents, {title}\n{slopes.to_string(float_format='%.2f')}")
    table.to_csv(folder / "scaling.csv", index=False, float_format="%.4g")
    slopes.to_csv(folder / "exponents.csv", float_format="%.2f")
    with plt.rc_context(STYLE):
        drawn(table, title).savefig(folder / "scaling.svg", metadata={"Date": None})


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="some of: " + ", ".join(CASES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--largest", type=int, default=32_768, help="samples at most")
    parser.add_argument("--out", type=Path, default=Path("benchmarks"))
    given = parser.parse_args()
    processor = torch.cuda.get_device_name() if given.device != "cpu" else platform.machine()
    title = f"{processor}, one thread, torch {torch.__version__}, batch {BATCH}"
    report(measured(given.methods or [*CASES], given.device, given.largest), title, given.out)


if __name__ == "__main__":
    main()
