"""DynAE on MNIST from end to end, in seconds, beside the paper's.

    python benchmarks/dynae.py [--device cuda] [--share 1.0]

Pretraining and clustering of the paper's length, from data on the device to labels on the processor.
With a smaller share of the steps it prints the seconds of those alone.
"""

import argparse
import platform
import time
from dataclasses import replace

import torch

from recluster.data import load_dataset
from recluster.papers.suite import methods
from recluster.train import train

PRINTED = 10_808  # Table 5, page 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps")
    given = parser.parse_args()
    config = methods("paper")["DynAE"]
    start = replace(config.start, steps=round(config.start.steps * given.share))
    config = replace(config, start=start, steps=round(config.steps * given.share))
    data = load_dataset("mnist")
    x = torch.from_numpy(data.x).to(given.device)
    seconds: dict[str, float] = {}
    begin = time.perf_counter()
    for step in train(x, data.k, config, seed=0):
        [value.item() for value in step.curves.values()]  # waits for the device
        now = time.perf_counter()
        seconds[step.phase] = seconds.get(step.phase, 0.0) + now - begin
        begin = now
    step.labels(x).cpu()
    seconds["clustering"] += time.perf_counter() - begin
    for phase, spent in seconds.items():
        print(f"{phase:12} {spent:10.1f} s")
    total = sum(seconds.values())
    print(f"{'in all':12} {total:10.1f} s")
    if given.share == 1:
        print(f"{'printed':12} {PRINTED:10} s, {PRINTED / total:.0f} times as long")
    processor = torch.cuda.get_device_name() if given.device != "cpu" else platform.machine()
    print(
        f"{start.steps} and at most {config.steps} steps, {processor}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
