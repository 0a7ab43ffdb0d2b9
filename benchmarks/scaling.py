"""How the cost of an epoch grows with the samples, the clusters and the features.

    python benchmarks/scaling.py [METHOD...] [--device cuda] [--largest 140000] [--out DIR]

Every method runs a few epochs on random data, from random weights where it starts from others', each
point in a process of its own. Prints seconds and peak memory with the exponents of a power law fitted to
the larger half of each series, and writes scaling.csv and scaling.svg.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

import torch

from recluster.methods import METHODS, dcn, dcss, dec, dkm, dynae, idec, kmeans, pcx, secu, ulhe, vade
from recluster.parts import acai, normed, pretraining
from recluster.parts.randomness import isolated
from recluster.spec import Config

BATCH, EPOCHS = 256, 3
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
    "DCSS": lambda steps: dcss.Config(
        start=AE, centring_epochs=EPOCHS, pairing_epochs=EPOCHS, guided_epochs=1, batch_size=BATCH
    ),
    "SeCu": lambda steps: secu.Config(epochs=EPOCHS, warm_up=1, heads=1, batch_size=BATCH),
}
IMAGES = {"DynAE", "SeCu"}  # they augment: their features are pixels in three colours
BASE = {"n": 4096, "k": 10, "d": 768}
SERIES = {
    "n": (1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 140_000),
    "k": (2, 10, 50, 200),
    "d": (48, 192, 768, 3072),  # three colours times a square
}
COSTS = {"seconds": "seconds an epoch", "mb": "peak MB"}


def point(name: str, n: int, k: int, d: int, device: str) -> tuple[float, float]:
    """Median seconds of an epoch after the first, and by how many 10^6 bytes the peak memory grew."""
    config = CASES[name](ceil(n / BATCH))
    side = round((d / 3) ** 0.5)
    if device == "cpu":
        torch.set_num_threads(1)
    before = used(device)
    x = torch.rand(n, 3, side, side) if name in IMAGES else torch.rand(n, d)
    weights = None
    if config.start is not None:
        weights = config.start.autoencoder(x.shape[1:]).state_dict()
    steps = isolated(METHODS[config.method].fit(x.to(device), k, config, weights), seed=0)
    times, began = [], time.perf_counter()
    for step in steps:
        [value.item() for value in step.curves.values()]  # waits for the device
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
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
            for sizes in (BASE | {varied: value} for value in values if value <= largest):
                with context.Pool(1) as pool:
                    seconds, mb = pool.apply(point, (name, *sizes.values(), device))
                rows.append({"method": name, "varied": varied, **sizes, "seconds": seconds, "mb": mb})
                print(f"{name:8} {sizes} {seconds:9.3f} s {mb:8.0f} MB", flush=True)
    return rows


def exponent(sizes: list[float], costs: list[float]) -> float:
    """The slope on doubly logarithmic axes over the larger half of the sizes."""
    half = len(sizes) // 2
    x, y = torch.tensor(sizes[half:]).log(), torch.tensor(costs[half:]).clamp(min=1e-3).log()
    x = x - x.mean()
    return float((x * y).sum() / x.square().sum())


def report(rows: list[dict[str, Any]], title: str, folder: Path) -> None:
    """Print the exponents, and write the points and their plot."""
    import matplotlib.pyplot as plt
    import pandas as pd

    table = pd.DataFrame(rows)
    table.to_csv(folder / "scaling.csv", index=False, float_format="%.4g")
    figure, axes = plt.subplots(len(COSTS), len(SERIES), figsize=(10, 6), layout="constrained")
    print(
        f"\n{title}\n{'exponents':9}",
        *(f"{f'{cost} by {kind}':>12}" for kind in SERIES for cost in COSTS),
    )
    for name, own in table.groupby("method", sort=False):
        slopes = []
        for column, kind in enumerate(SERIES):
            part = own[own["varied"] == kind]
            for row, cost in enumerate(COSTS):
                axes[row, column].loglog(part[kind], part[cost], "o-", ms=3, lw=1, label=name)
                axes[row, column].set(xlabel=kind, ylabel=COSTS[cost])
                slopes.append(exponent([*part[kind]], [*part[cost]]))
        print(f"{name:9}", *(f"{value:12.2f}" for value in slopes))
    axes[0, -1].legend(fontsize=6, frameon=False)
    figure.suptitle(title, fontsize=8)
    figure.savefig(folder / "scaling.svg")


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
