"""IDEC, DEC, DCN and VaDE on digits: our time and ACC beside ClustPy's, 20 + 20 epochs, batch 256.

    python -m venv peer && peer/bin/pip install clustpy==0.0.3 torch==2.11.0
    python benchmarks/peers.py --peer peer/bin/python [--repeats 5]

Each side is a process of its own, taken in turns so that both meet the same machine; the clock runs from
data in memory to labels, without imports. Both have the network 64-500-500-2000-10, Adam for the
pretraining, the same restarts of k-means, and no early end. DEC's second phase has our SGD here and
ClustPy's Adam there, which offers one optimiser for both phases.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from typing import Any

METHODS = ("IDEC", "DEC", "DCN", "VaDE")
EPOCHS, BATCH, RATE, RESTARTS, K = 20, 256, 1e-3, 20, 10


def digits() -> tuple[Any, Any]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.data / 16).astype("float32"), bunch.target


def ours(name: str, seed: int) -> tuple[float, Any]:
    import torch

    from recluster.methods import dcn, dec, idec, vade
    from recluster.parts.pretraining import Config as Pretraining
    from recluster.run import train

    x = torch.from_numpy(digits()[0])
    start = Pretraining(epochs=EPOCHS, batch_size=BATCH, learning_rate=RATE)
    steps = EPOCHS * -(-len(x) // BATCH)
    config = {
        "IDEC": idec.Config(start=start, steps=steps, tolerance=0.0),
        "DEC": dec.Config(start=start, steps=steps, tolerance=0.0),
        "DCN": dcn.Config(start=start, epochs=EPOCHS, learning_rate=RATE),
        "VaDE": vade.Config(start=start, epochs=EPOCHS, batch_size=BATCH, likelihood="bernoulli"),
    }[name]
    begin = time.perf_counter()
    *_, step = train(x, K, config, seed)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="the Python of an environment with ClustPy")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", choices=["ours", "clustpy"], help=argparse.SUPPRESS)
    parser.add_argument("--method", choices=METHODS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        seconds, labels = (ours if given.side == "ours" else theirs)(given.method, given.seed)
        print(json.dumps({"seconds": seconds, "acc": accuracy(labels)}))
        return
    if not given.peer:
        parser.error("give --peer, the Python of an environment with ClustPy")
    print(
        f"{'':6} {'ours':>16} {'ClustPy':>16} {'ratio':>6}   seconds and ACC, medians of {given.repeats}"
    )
    for name in METHODS:
        runs = [
            (one(sys.executable, "ours", name, seed), one(given.peer, "clustpy", name, seed))
            for seed in range(given.repeats)
        ]
        (a, b), (p, q) = (
            [statistics.median(pair[side][what] for pair in runs) for side in (0, 1)]
            for what in ("seconds", "acc")
        )
        print(f"{name:6} {a:7.2f} s {p:6.3f} {b:7.2f} s {q:6.3f} {a / b:6.2f}", flush=True)
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    print(f"{platform.machine()}, {threads} thread, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
