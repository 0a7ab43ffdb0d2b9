"""A training step of the 784-500-500-2000-10 autoencoder beside its matrix products and a plain loop.

    python benchmarks/step.py [--device cuda] [--repeats 7] [--runs 4]

Prints medians over repeats, taken in turns so that all meet the same machine, and ratios; then what
several runs at once, each a process, do in all. The plain loop is a DataLoader's: batches come from the
processor's memory, and every loss is read.
"""

import argparse
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from recluster.nets import autoencoder
from recluster.parts import pretraining
from recluster.parts.precision import FULL, computed_in

BATCH, STEPS, SAMPLES = 256, 39, 39 * 256
SHAPE, WIDTHS = (1, 28, 28), (784, 500, 500, 2000, 10, 2000, 500, 500, 784)
WARM_UP = 3  # epochs until all is recorded and at speed
AT_ONCE = 20.0  # seconds

Epoch = Callable[[], object]


def of_ours(device: str) -> Epoch:
    """The epoch of a run."""
    x = torch.rand(SAMPLES, *SHAPE, device=device)
    config = pretraining.Config(epochs=10**6, batch_size=BATCH)
    steps = computed_in(FULL, pretraining.fit(x, 10, config))
    return lambda: [value.item() for value in next(steps).curves.values()]


def of_products(device: str) -> Epoch:
    """Per layer: input times weight, and the two products of the backward pass, none for the input."""
    layers = [
        (
            torch.randn(BATCH, a, device=device),
            torch.randn(b, a, device=device),
            torch.randn(BATCH, b, device=device),
        )
        for a, b in pairwise(WIDTHS)
    ]

    def epoch() -> None:
        for _ in range(STEPS):
            for number, (inputs, weight, slope) in enumerate(layers):
                inputs @ weight.T
                slope.T @ inputs
                if number:
                    slope @ weight

    return epoch


def of_a_plain_loop(device: str) -> Epoch:
    """As it is written most often."""
    loader = DataLoader(TensorDataset(torch.rand(SAMPLES, *SHAPE)), BATCH, shuffle=True)
    model = autoencoder("mlp", SHAPE, 10).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def epoch() -> None:
        for (batch,) in loader:
            batch = batch.to(device)
            loss = mse_loss(model(batch), batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()

    return epoch


SIDES = {"training step": of_ours, "matrix products": of_products, "plain loop": of_a_plain_loop}


def milliseconds(epoch: Epoch, device: str) -> float:
    begin = time.perf_counter()
    epoch()
    if device != "cpu":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - begin) / STEPS


def steps_a_second(device: str, threads: int, ready: object) -> float:
    """Of one of several runs, which begin together."""
    torch.set_num_threads(threads)
    epoch = of_ours(device)
    for _ in range(WARM_UP):
        epoch()
    ready.wait()  # type: ignore[attr-defined]
    begin, done = time.perf_counter(), 0
    while time.perf_counter() - begin < AT_ONCE:
        epoch()
        done += STEPS
    return done / (time.perf_counter() - begin)


def at_once(runs: int, device: str) -> float:
    """Steps a second of so many runs in all."""
    context = multiprocessing.get_context("spawn")
    threads = max(1, torch.get_num_threads() // runs)
    with context.Manager() as manager, context.Pool(runs) as pool:
        ready = manager.Barrier(runs)
        return sum(pool.starmap(steps_a_second, [(device, threads, ready)] * runs, chunksize=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--runs", type=int, default=0, help="so many at once; none unless told")
    given = parser.parse_args()
    epochs = {name: begun(given.device) for name, begun in SIDES.items()}
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(WARM_UP + given.repeats):
        for name, epoch in epochs.items():
            times[name].append(milliseconds(epoch, given.device))
    medians = {name: statistics.median(values[WARM_UP:]) for name, values in times.items()}
    ours = medians["training step"]
    for name, value in medians.items():
        against = "" if value == ours else f"   our step is {ours / value:.2f} of it"
        print(f"{name:16} {value:8.3f} ms{against}")
    print(f"{1e3 / ours:.0f} steps a second in one run")
    if given.runs:
        print(f"{at_once(given.runs, given.device):.0f} in all of {given.runs} runs at once")
    processor = torch.cuda.get_device_name() if given.device != "cpu" else platform.machine()
    print(f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}, batch {BATCH}")


if __name__ == "__main__":
    main()
