"""One run on several processes: two of them, by torchrun and gloo, against one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from recluster.launched import joined
from recluster.methods import METHODS, pcx, secu
from recluster.parts import ranks
from recluster.parts.randomness import isolated
from recluster.spec import Config, InputError, Step
from recluster.store import FINISHED, Store

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
CONFIGS: dict[str, Config] = {
    "pcx": pcx.Config(epochs=4, burn_in=1, batch_size=96),
    "pcx conv reweighted": pcx.Config(
        network="conv", epochs=3, burn_in=1, batch_size=100, reweighted=True, smoothing=5.0
    ),
    "pcx proximal": pcx.Config(epochs=3, burn_in=1, batch_size=96, centroid_update="proximal"),
    "secu": replace(secu.Config().shortened(), network="conv"),
    "secu entropy": replace(secu.Config(constraint="entropy").shortened(), network="conv"),
    "secu resnet": replace(secu.Config().shortened(), heads=1),
}
COLOUR = {"secu resnet"}
ALL = """
import sys
import numpy as np
import torch
from test_ranks import CONFIGS, data, steps
from recluster.parts.ranks import rank, ranks

torch.set_default_dtype(torch.float64)
torch.distributed.init_process_group("gloo")
assert ranks() == 2
for name in CONFIGS:
    found = {}
    for step in steps(name):
        for curve, value in step.curves.items():
            found.setdefault(curve, []).append(value.item())
    model = step.modules["model"]
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    state["visited"] = getattr(model, "visited", torch.zeros(1)).numpy()
    place = f"{sys.argv[1]}/{name}-{rank()}.npz"
    np.savez(place, labels=step.labels(data(name)).numpy(), **found, **state)
torch.distributed.destroy_process_group()
"""


def steps(name: str) -> Iterator[Step]:
    """The run in double precision, in which Adam does not blow up what sums round differently."""
    config = CONFIGS[name]
    return isolated(METHODS[config.method].fit(data(name), 10, config, None), seed=3)


def data(name: str) -> torch.Tensor:
    """157 images: the last batch is smaller, and not to be halved."""
    random = np.random.default_rng(0)
    shape = (157, 3, 16, 16) if name in COLOUR else (157, 1, 8, 8)
    kinds = random.random((10, *shape[1:]))
    noise = 0.1 * random.random(shape)
    return torch.from_numpy(0.9 * kinds[random.integers(10, size=157)] + noise)


def environment(**more: str) -> dict[str, str]:
    tests = str(Path(__file__).parent)
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": tests, **more}


@pytest.fixture
def double() -> Iterator[None]:
    """Everything that is created inside is float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each of two processes has of every config at the end."""
    folder = tmp_path_factory.mktemp("ranks")
    script = folder / "both.py"
    script.write_text(ALL)
    command = [*TORCHRUN, "2", str(script), str(folder)]
    finished = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(), timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    return folder


ADAMS = 1e-6
"""What Adam may make in a few steps of a slope that is nought but for rounding: it divides by the slope
that it saw plus 1e-8, so that 1e-12 of rounding is a step of some 1e-7. That much each process has of
its own, and every processor; what comes out of the network does not depend on it.
"""


def taken_away(model: nn.Module) -> Iterator[str]:
    """Names of biases that the batch normalisation after them takes away, and of its means."""
    for name, chain in model.named_modules():
        if isinstance(chain, nn.Sequential):
            for (before, layer), (after, norm) in pairwise(chain.named_children()):
                if isinstance(norm, _BatchNorm) and layer.bias is not None:
                    yield from (f"{name}.{before}.bias", f"{name}.{after}.running_mean")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_two_processes_give_the_numbers_of_one(name: str, several: Path, double: None) -> None:
    first, second = (dict(np.load(several / f"{name}-{rank}.npz")) for rank in (0, 1))
    assert first.keys() == second.keys()
    for key in first:  # model, clustering and curves are equal on both, to the bit
        assert np.array_equal(first[key], second[key]), key
    curves: dict[str, list[float]] = {}
    for step in steps(name):
        for curve, value in step.curves.items():
            curves.setdefault(curve, []).append(value.item())
    for curve, values in curves.items():
        assert first[curve] == pytest.approx(values, rel=1e-8), curve
    model = step.modules["model"]
    shifted = set(taken_away(model)) if CONFIGS[name].method == "pcx" else set()  # SeCu has no Adam
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            slack = ADAMS if key in shifted else 1e-8
            assert first[key] == pytest.approx(value.numpy(), rel=1e-6, abs=slack), key
    assert np.array_equal(first["labels"], step.labels(data(name)).numpy())


def test_one_process_has_all_of_every_batch() -> None:
    rows = torch.randperm(10)
    share = ranks.Share(rows)
    assert torch.equal(share.own, rows)
    loss, values = torch.tensor(2.0), torch.arange(10.0)
    assert share.weighted(loss) is loss
    assert share.whole(values) is values
    assert ranks.summed(values) is values
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert ranks.together(network) is network
    assert type(network[1]) is nn.BatchNorm1d
    with share.drawing():
        torch.manual_seed(0)
        drawn = ranks.rand(values)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(10))


def test_a_short_last_batch_joins_the_one_before() -> None:
    batches = torch.arange(9).split(4)
    assert [len(share.own) for share in ranks.shares(batches)] == [4, 4, 1]
    assert [len(share.own) for share in ranks.shares(batches, least=2)] == [4, 5]
    assert [len(share.own) for share in ranks.shares(torch.arange(1).split(4), least=2)] == [1]


def as_one_of(monkeypatch: pytest.MonkeyPatch, count: int, here: int) -> None:
    """Rank `here` of `count`, without a process group."""
    monkeypatch.setattr(ranks, "ranks", lambda: count)
    monkeypatch.setattr(ranks, "rank", lambda: here)


@pytest.mark.parametrize("n", [7, 8, 100])
def test_shares_are_the_batch_in_its_order(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, whole, weights = torch.randperm(n), [], []
    for here in range(3):
        as_one_of(monkeypatch, 3, here)
        share = ranks.Share(rows)
        assert torch.equal(share.own, rows[share.part])
        whole.append(share.own)
        weights.append(share.weighted(torch.tensor(1.0)))
    assert torch.equal(torch.cat(whole), rows)
    assert sum(weights) == pytest.approx(3)


def test_batches_too_small_for_the_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    as_one_of(monkeypatch, 4, 0)
    with pytest.raises(InputError, match="2 rows or more for each of 4 processes, and has 6; take a"):
        ranks.shares(torch.arange(60).split(6), least=2)
    assert len(ranks.shares(torch.arange(63).split(6))[-1].rows) == 9


def test_contradictions_are_told_before_anything_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    with pytest.raises(InputError, match="torchrun has started the processes"), joined(None, 3, None):
        pass
    with pytest.raises(InputError, match="leave out 'cuda:1'"), joined("cuda:1"):
        pass
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined("cuda:1", 3) as device:
        assert device == "cuda:1"


def launch(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [*TORCHRUN, "2", "-m", "recluster", "run", *arguments, "--results", str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


@pytest.mark.slow
def test_the_command_line_stores_one_record_a_run(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    process = launch(tmp_path / "results", "secu.theorem1", "secu.proposition2", "--scale", "smoke")
    said, complained = process.communicate(timeout=300)
    assert process.returncode == 0, said + complained
    [record] = Store(tmp_path / "results").records()
    assert (record.status, record.run["method"]) == (FINISHED, "secu")
    assert record.environment["processes"] == 2
    assert record.environment["device"] == "cpu"
    assert complained.count("finished, ") == 1
    again = launch(tmp_path / "results", "secu.proposition2", "--scale", "smoke")
    assert "all records are there" in again.communicate(timeout=120)[0]
    assert again.returncode == 0


@pytest.mark.slow
def test_killed_together_nothing_half_is_stored(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    process = launch(results, "pcx.table6", "--scale", "smoke")
    limit = time.monotonic() + 120
    while not any(results.glob("*/record.json")) and time.monotonic() < limit:
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode != 0
    records = Store(results).records()
    assert records
    assert all(record.status == FINISHED for record in records)
    for folder in results.glob("*/record.json"):
        json.loads(folder.read_text())
