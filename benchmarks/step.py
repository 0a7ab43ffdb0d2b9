"""One training step of the 784-500-500-2000-10 autoencoder beside its bare matrix products.

    python benchmarks/step.py [--device cuda] [--repeats 7]

Prints medians over repeats, taken in turns so that both meet the same machine, and their ratio.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch

from recluster.nets import autoencoder
from recluster.parts.batches import adam, shuffled
from recluster.parts.reconstruction import summed_error

BATCH, STEPS, SAMPLES = 256, 39, 39 * 256
WIDTHS = (784, 500, 500, 2000, 10, 2000, 500, 500, 784)


def epoch_of_training(device: str) -> Callable[[], None]:
    x = torch.rand(SAMPLES, 1, 28, 28, device=device)
    model = autoencoder("mlp", (1, 28, 28), 10).to(device)
    optimiser = adam(model.parameters(), 1e-3)

    def epoch() -> None:
        for rows in shuffled(x, BATCH):
            batch = x[rows]
            loss = summed_error(batch, model(batch))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return epoch


def epoch_of_products(device: str) -> Callable[[], None]:
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


def milliseconds(epoch: Callable[[], None], device: str) -> float:
    begin = time.perf_counter()
    epoch()
    if device != "cpu":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - begin) / STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    epochs = {
        "training step": epoch_of_training(given.device),
        "matrix products": epoch_of_products(given.device),
    }
    times: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(given.repeats + 1):
        for name, epoch in epochs.items():
            times[name].append(milliseconds(epoch, given.device))
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:16} {value:8.2f} ms")
    print(f"{'ratio':16} {medians['training step'] / medians['matrix products']:8.2f}")
    processor = torch.cuda.get_device_name() if given.device != "cpu" else platform.machine()
    print(f"{processor}, {torch.get_num_threads()} threads, torch {torch.__version__}, batch {BATCH}")


if __name__ == "__main__":
    main()
