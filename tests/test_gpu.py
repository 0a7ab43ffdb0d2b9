"""What must hold on any GPU: recorded steps are plain ones, and a resumed run is an unbroken one.

On the real one where there is one, within tolerance; else on the pretended, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from pretended import NAME, PEAK, pretended
from test_device import TRAINED, same_kmeans
from test_laws import CASES, K, asked, held, images, narrow
from torch import Tensor

from recluster import checkpoint
from recluster import run as runner
from recluster.data import Dataset, content_checksum
from recluster.parts import capture
from recluster.run import execute, kept_start
from recluster.spec import Config, Run, Step
from recluster.store import FINISHED, Store
from recluster.train import train

__all__ = ["narrow", "same_kmeans"]  # fixtures of ours too

pytestmark = [
    pytest.mark.filterwarnings("error:no CUDA graph"),
    pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter"),
]

REAL = torch.cuda.is_available()
TOLERANCE = {"rtol": 1e-3, "atol": 1e-4} if REAL else {"rtol": 0, "atol": 0}


@contextmanager
def gpu() -> Iterator[None]:
    """Inside it there is a GPU."""
    if REAL:
        yield
    else:
        with pretended():
            yield


def left(config: Config) -> list[dict[str, Tensor]]:
    """Curves, weights and all that can be asked for, after every step on the GPU."""
    with gpu():
        x = images(41).to("cuda")
        steps = train(x, K, config, seed=0)
        return [{n: value.cpu() for n, value in (held(s) | asked(s, x)).items()} for s in steps]


@pytest.mark.parametrize("config", TRAINED.values(), ids=TRAINED.keys())
def test_recorded_steps_leave_what_plain_ones_do(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = left(config)
    monkeypatch.setattr(capture, "PLAIN", 10**6)
    torch.testing.assert_close(recorded, left(config), **TOLERANCE)


def data() -> Dataset:
    x, y = images(41).numpy(), (torch.arange(41) % K).numpy()
    return Dataset(name="digits", x=x, y=y, k=K, checksum=content_checksum(x, y))


@pytest.mark.parametrize("name", ["idec", "pcx", "ulhe", "dynae conv", "dcss conv", "secu", "vade"])
def test_a_run_on_a_gpu_is_recorded_and_resumed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an unbroken one, which the pretended GPU's is of the CPU."""
    monkeypatch.setattr(runner, "CACHE", tmp_path)
    monkeypatch.setattr(runner, "load_dataset", lambda name: data())
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    run = Run(config=CASES[name], dataset="digits", seed=0, scale="smoke")
    stores = Store(tmp_path / "unbroken"), Store(tmp_path / "broken")
    done = partial(execute, run, diagnosed=run.method == "dynae")
    expected = done(stores[0], device="cuda" if REAL else "cpu")
    assert not kept_start(run, stores[1])  # a start is another store's, and is done again

    class Killed(BaseException):
        pass

    def kill(at: Run, step: Step) -> None:
        if at == run and step.epoch == 2:
            raise Killed

    with gpu():
        with pytest.raises(Killed):
            done(stores[1], device="cuda", watch=kill)
        found = done(stores[1], device="cuda")
    assert found.status == expected.status == FINISHED, found.error
    assert found.environment["resumed"] == 1
    assert REAL or (found.environment["processor"], found.memory_mb) == (NAME, PEAK / 1e6)
    assert found.scored == expected.scored
    records = zip(stores, (expected, found), strict=True)
    one, other = ((record.scores, record.curves, store.arrays(record)) for store, record in records)
    torch.testing.assert_close(one, other, **TOLERANCE)
