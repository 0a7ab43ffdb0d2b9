"""IDEC, DEC, DCN and VaDE on digits: our time and ACC beside ClustPy's, 20 + 20 epochs, batch 256.

    python -m venv peer && peer/bin/pip install clustpy==0.0.3 torch==2.11.0
    python benchmarks/peers.py --peer peer/bin/python [--repeats 5]

Each side is a process of its own, taken in turns so that both meet the same machine; the clock runs from
data in memory to labels, without imports. Both have the network 64-500-500-2000-10, the same restarts of
k-means, no early end, and Adam at one rate throughout, but for DEC's second phase: SGD here, and Adam
there, since ClustPy offers one optimiser for both. Ours runs with products of float32, and again with
those of bfloat16 where the processor has them; a mean ACC has its seeds' range beside it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from functools import partial
from typing import Any

METHODS = ("IDEC", "DEC", "DCN", "VaDE")
PEER = "ClustPy"
EPOCHS, BATCH, RATE, RESTARTS, K = 20, 256, 1e-3, 20, 10


def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.data / 16).astype("float32"), bunch.target


def ours(name: str, seed: int, precision: str) -> tuple[float, Any]:
    import torch

    from recluster.methods import dcn, dec, idec, vade
    from recluster.parts.pretraining import Config as Pretraining
    from recluster.train import train

    x = torch.from_numpy(digits()[0])
    start = Pretraining(epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE)
    steps = EPOCHS * -(-len(x) // BATCH)
    config = {
        "IDEC": idec.Config(start=start, steps=steps, tolerance=0.0),
        "DEC": dec.Config(start=start, steps=steps, tolerance=0.0),
        "DCN": dcn.Config(start=start, epochs=EPOCHS, learning_rate=RATE),
        "VaDE": vade.Config(
            start=start,
            epochs=EPOCHS,
            batch_size=BATCH,
            likelihood="bernoulli",
            learning_rate=RATE,
            least_learning_rate=RATE,  # no decay
            stability=1e-8,
        ),
    }[name]
    begin = time.perf_counter()
    *_, step = train(x, K, config, seed, precision=precision)
    labels = step.labels(x).numpy()
    return time.perf_counter() - begin, labels


def theirs(name: str, seed: int) -> tuple[float, Any]:
    from clustpy import deep

    x = digits()[0]
    model = getattr(deep, name)(
        n_clusters=K,
        batch_size=BATCH,
        pretrain_epochs=EPOCHS,
        clustering_epochs=EPOCHS,
        pretrain_optimizer_params={"lr": RATE},
        clustering_optimizer_params={"lr": RATE},
        initial_clustering_params={"n_init": RESTARTS}
        | ({"covariance_type": "diag"} if name == "VaDE" else {}),
        device="cpu",
        random_state=seed,
    )
    begin = time.perf_counter()
    model.fit(x)
    return time.perf_counter() - begin, model.labels_


def accuracy(labels: Any) -> float:
    """ACC: the share that is right under the best matching of clusters and classes."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((K, K))
    np.add.at(table, (digits()[1], labels.astype(int)), 1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    return float(table[rows, columns].sum() / table.sum())


def one(python: str, side: str, name: str, seed: int) -> dict[str, float]:
    command = [python, __file__, "--side", side, "--method", name, "--seed", str(seed)]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if finished.returncode:
        sys.exit(finished.stderr)
    return json.loads(finished.stdout.splitlines()[-1])


def sides() -> tuple[str, ...]:
    from recluster.parts.precision import rounds_to_bfloat16

    return ("float32", *(["bfloat16"] if rounds_to_bfloat16() else []), PEER)


def compared(python: str, name: str, repeats: int) -> None:
    """Print a line a side: median seconds, their ratio to the peer's, mean ACC and its range."""
    interpreters = {side: python if side == PEER else sys.executable for side in sides()}
    runs: dict[str, list[dict[str, float]]] = {side: [] for side in interpreters}
    for seed in range(repeats):
        for side, interpreter in interpreters.items():
            runs[side].append(one(interpreter, side, name, seed))
    seconds = {side: statistics.median(run["seconds"] for run in found) for side, found in runs.items()}
    for side, found in runs.items():
        acc = [run["acc"] for run in found]
        print(
            f"{name:6}{side:10}{seconds[side]:8.2f} s {seconds[side] / seconds[PEER]:8.2f}"
            f"{statistics.mean(acc):10.3f}   {min(acc):.3f} to {max(acc):.3f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of an environment with ClustPy")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", choices=["float32", "bfloat16", PEER], help=argparse.SUPPRESS)
    parser.add_argument(
        "--method", choices=METHODS, action="append", help="of the four; all unless told"
    )
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    names = given.method or METHODS
    if given.side:
        call = theirs if given.side == PEER else partial(ours, precision=given.side)
        seconds, labels = call(names[0], given.seed)
        print(json.dumps({"seconds": seconds, "acc": accuracy(labels)}))
        return
    if not given.peer:
        parser.error("give --peer, the Python of an environment with ClustPy")
    print(f"{'':16}{'seconds':>10}{'ratio':>9}{'ACC':>10}   range of {given.repeats} seeds")
    for name in names:
        compared(given.peer, name, given.repeats)
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    print(f"{platform.machine()}, {threads} thread, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
