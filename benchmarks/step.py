"""A training step beside the matrix products that it cannot do without.

    python benchmarks/step.py [--method ae acai dynae pcx dcss] [--device cuda] [--repeats 7] [--runs 2]

Prints medians over repeats, taken in turns so that all meet the same machine, and the median of each
turn's ratio; with `--runs`, what so many runs at once, each a process, do in all. The plain loop is the
autoencoder's with a DataLoader: batches come from the processor's memory, and every loss is read. An
epoch's order of samples is part of its steps; what methods do between epochs, over all data, is not.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from recluster.methods import METHODS, dcss, dynae, pcx
from recluster.nets import autoencoder
from recluster.parts import acai, pretraining
from recluster.parts.precision import FULL, computed_in
from recluster.run import environment

SHAPE, WIDTHS, K = (1, 28, 28), (784, 500, 500, 2000, 10, 2000, 500, 500, 784), 10
WARM_UP = 3  # epochs until all is recorded and at speed
AT_ONCE, TURNS = 20.0, 3  # seconds, and how often one run and several take their turns
NEVER = 10**6  # steps or epochs

Epoch = Callable[[], object]
Layers = list[tuple[int, int]]
ENCODER: Layers = [*pairwise(WIDTHS[:5])]
NETWORK: Layers = [*pairwise(WIDTHS)]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A step: `passes` forward and backward through `layers`, and one forward through `clean`."""

    config: Any
    layers: Layers
    passes: int = 1
    clean: Layers
    steps: int = 20  # an epoch

    @property
    def batch_size(self) -> int:
        """Samples a step."""
        return self.config.batch_size


CASES = {
    "ae": Case(config=pretraining.Config(epochs=NEVER), layers=NETWORK, clean=[]),
    "acai": Case(
        config=acai.Config(steps=NEVER, deception_weight=0.0),  # without mixtures and critic
        layers=NETWORK,
        clean=[],
    ),
    "dynae": Case(
        config=dynae.Config(steps=NEVER, refresh=NEVER),  # assigned as they are, trained as moved
        layers=NETWORK,
        clean=ENCODER,
    ),
    "pcx": Case(config=pcx.Config(epochs=NEVER, burn_in=0), layers=[*NETWORK, (20, 10)], clean=[]),
    "dcss": Case(
        config=dcss.Config(phases="first", centring_epochs=NEVER, centroid_interval=NEVER),
        layers=NETWORK,
        passes=K,  # one cluster after another
        clean=[],
        steps=2,
    ),
}


def of_ours(case: Case, device: str) -> Epoch:
    """The epoch of a run."""
    x = torch.rand(case.steps * case.batch_size, *SHAPE, device=device)
    start = None if case.config.start is None else autoencoder("mlp", SHAPE, 10).state_dict()
    steps = computed_in(FULL, METHODS[case.config.method].fit(x, K, case.config, start))
    return lambda: [value.item() for value in next(steps).curves.values()]


def of_products(case: Case, device: str) -> Epoch:
    """Per layer: input times weight, and the two products of the backward pass, none for the input."""

    def made(layers: Layers) -> list[tuple[torch.Tensor, ...]]:
        shapes = [((case.batch_size, a), (b, a), (case.batch_size, b)) for a, b in layers]
        return [tuple(torch.randn(shape, device=device) for shape in three) for three in shapes]

    trained, clean = made(case.layers), made(case.clean)

    def epoch() -> None:
        for _ in range(case.steps):
            for inputs, weight, _ in clean:
                inputs @ weight.T
            for _ in range(case.passes):
                for number, (inputs, weight, slope) in enumerate(trained):
                    inputs @ weight.T
                    slope.T @ inputs
                    if number:
                        slope @ weight

    return epoch


def of_a_plain_loop(case: Case, device: str) -> Epoch:
    """As it is written most often."""
    x = torch.rand(case.steps * case.batch_size, *SHAPE)
    loader = DataLoader(TensorDataset(x), case.batch_size, shuffle=True)
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


def milliseconds(epoch: Epoch, steps: int, device: str) -> float:
    """On the CPU its own time, of all threads: what others do there meanwhile does not count."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    begin = clock()
    epoch()
    if device != "cpu":
        torch.cuda.synchronize()
    return 1e3 * (clock() - begin) / steps


def compared(name: str, device: str, repeats: int) -> None:
    """Print a method's step beside its products, the autoencoder's beside a plain loop too."""
    case = CASES[name]
    sides = {"training step": of_ours, "matrix products": of_products}
    if name == "ae":
        sides["plain loop"] = of_a_plain_loop
    epochs = {side: begun(case, device) for side, begun in sides.items()}
    times: dict[str, list[float]] = {side: [] for side in epochs}
    for turn in range(WARM_UP + repeats):
        for side, epoch in epochs.items():
            value = milliseconds(epoch, case.steps, device)
            if turn >= WARM_UP:
                times[side].append(value)
    ours = times.pop("training step")
    print(f"{name:6} training step   {statistics.median(ours):8.2f} ms")
    for side, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(ours, values, strict=True))
        print(f"{name:6} {side:15} {statistics.median(values):8.2f} ms   our step is {ratio:.2f} of it")


def steps_a_second(name: str, device: str, threads: int, ready: object) -> float:
    """Of one of several runs, which begin together."""
    torch.set_num_threads(threads)
    case = CASES[name]
    epoch = of_ours(case, device)
    for _ in range(WARM_UP):
        epoch()
    ready.wait()  # type: ignore[attr-defined]
    begin, done = time.perf_counter(), 0
    while time.perf_counter() - begin < AT_ONCE:
        epoch()
        done += case.steps
    return done / (time.perf_counter() - begin)


def at_once(runs: int, name: str, device: str, threads: int) -> float:
    """Steps a second of so many runs in all."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(runs) as pool:
        ready = manager.Barrier(runs)
        told = [(name, device, threads, ready)] * runs
        return sum(pool.starmap(steps_a_second, told, chunksize=1))


def side_by_side(runs: int, name: str, device: str) -> None:
    """Print what so many runs do in all, and how much more than one alone with as many threads."""
    threads = max(1, torch.get_num_threads() // runs)
    turns = [[at_once(many, name, device, threads) for many in (1, runs)] for _ in range(TURNS)]
    alone, all_of_them = map(statistics.median, zip(*turns, strict=True))
    ratio = statistics.median(many / one for one, many in turns)
    print(
        f"{name:6} {alone:.2f} steps a second alone, {all_of_them:.2f} in all of {runs} runs at once: "
        f"{ratio:.2f} times as many"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", nargs="+", default=["ae"], choices=CASES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--runs", type=int, default=0, help="so many at once; none unless told")
    given = parser.parse_args()
    for name in given.method:
        compared(name, given.device, given.repeats)
        if given.runs:
            side_by_side(given.runs, name, given.device)
    place = environment(given.device, FULL)
    names = ("processor", "instructions", "precision", "threads", "torch")
    print(", ".join(f"{name} {place[name]}" for name in names))


if __name__ == "__main__":
    main()
