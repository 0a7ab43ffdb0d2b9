"""On a GPU: the CPU's numbers, nothing on the wrong side, no waiting within an epoch, recorded steps.

The GPU is pretended, so that every machine can tell; what only a real one shows is not tested here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from pretended import OnGPU, PretendedGPU, pretended
from test_laws import CASES, K, asked, held, images, narrow
from torch import Tensor

from recluster.parts import capture
from recluster.parts.capture import PLAIN, captured
from recluster.parts.kmeans import RESTARTS, kmeans
from recluster.parts.lloyd import lloyd
from recluster.spec import Config
from recluster.train import train

__all__ = ["narrow"]  # a fixture of ours too

pytestmark = [
    pytest.mark.skipif(torch.cuda.is_available(), reason="there is a real GPU"),
    pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter"),
]

TRAINED = {name: config for name, config in CASES.items() if config.method not in ("kmeans", "shallow")}
every = pytest.mark.parametrize("config", CASES.values(), ids=CASES.keys())


@pytest.fixture(autouse=True)
def same_kmeans(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's k-means on both sides: scikit-learn's draws other starts."""

    def on_device(z: Tensor, k: int, restarts: int = RESTARTS) -> tuple[Tensor, Tensor]:
        return lloyd(z.detach(), k, restarts)

    for name, module in list(sys.modules.items()):
        if name.startswith("recluster.") and vars(module).get("kmeans") is kmeans:
            monkeypatch.setattr(module, "kmeans", on_device)


def left(x: Tensor, config: Config) -> list[dict[str, Tensor]]:
    """Curves, weights and all that can be asked for, after every step, on the CPU."""
    steps = train(x, K, config, seed=0)
    return [{n: value.cpu() for n, value in (held(s) | asked(s, x)).items()} for s in steps]


@every
def test_a_gpu_gives_the_numbers_of_the_cpu(config: Config) -> None:
    x = images(41)
    expected = left(x, config)
    with pretended() as gpu:
        found = left(x.to("cuda"), config)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert (gpu.replays > 0) == any(recorded(one) for one in (config, config.start))


def recorded(config: Config | None) -> bool:
    """Whether the method records its steps."""
    return config is not None and "captured" in vars(sys.modules[type(config).__module__])


@pytest.mark.parametrize("config", TRAINED.values(), ids=TRAINED.keys())
def test_no_batch_waits_for_the_gpu(config: Config) -> None:
    """Twice as many batches make an epoch wait no oftener."""
    if hasattr(config, "steps"):
        config = replace(config, steps=30)
    if hasattr(config, "refresh"):  # the paper's own look at all data, every so many steps
        config = replace(config, refresh=10**6)
    assert waits(config, batches=5) == waits(config, batches=10)


def waits(config: Config, batches: int) -> dict[str, int]:
    """What the last phase's second epoch waited for, with so many batches."""
    x, found = images(8 * batches), []
    with pretended() as gpu:
        for step in train(x.to("cuda"), K, config, seed=0):
            found.append((step.phase, dict(gpu.waits)))
            gpu.waits.clear()
    last = [counts for phase, counts in found if phase == found[-1][0]]
    assert len(last) > 1
    return last[1]


# --- the pretended GPU ---------------------------------------------------------------------------


@pytest.fixture
def gpu() -> Iterator[PretendedGPU]:
    with pretended() as one:
        yield one


WAITING: dict[str, Callable[[Tensor], Any]] = {
    "a value": lambda x: x.sum().item(),
    "a condition": lambda x: bool((x > 0).any()),
    "a copy to the CPU": lambda x: x.cpu(),
    "a copy from the CPU": lambda x: torch.ones(3).to(x.device),
    "a new tensor of numbers": lambda x: torch.tensor([1.0, 2.0], device=x.device),
    "rows by a condition": lambda x: x[x.sum(1) > 0],
    "values by a condition": lambda x: x.masked_select(x > 0),
    "places of a condition": lambda x: (x > 0).nonzero(),
    "assignment from the CPU": lambda x: x.copy_(torch.ones(4, 3)),
    "values that occur": lambda x: x.unique(),
}
FLOWING: dict[str, Callable[[Tensor], Any]] = {
    "a sum": lambda x: x.sum(),
    "rows by number": lambda x: x[x.argmax(0)],
    "a condition's choice": lambda x: torch.where(x > 0, x, 1.0),
    "random numbers": lambda x: torch.rand(3, device=x.device),
    "a permutation": lambda x: torch.randperm(4, device=x.device),
    "a part that is set": lambda x: x[:2].fill_(0),
}


@pytest.mark.parametrize("act", WAITING.values(), ids=WAITING.keys())
def test_what_waits_is_counted(gpu: PretendedGPU, act: Callable[[Tensor], Any]) -> None:
    x = torch.rand(4, 3, device="cuda")
    act(x)
    assert gpu.waits.total() >= 1


@pytest.mark.parametrize("act", FLOWING.values(), ids=FLOWING.keys())
def test_what_does_not_wait_is_not(gpu: PretendedGPU, act: Callable[[Tensor], Any]) -> None:
    x = torch.rand(4, 3, device="cuda")
    assert isinstance(act(x), OnGPU)
    assert gpu.waits.total() == 0


def test_tensors_of_both_places_do_not_meet_but_a_single_number_may(gpu: PretendedGPU) -> None:
    x = torch.rand(4, 3, device="cuda")
    with pytest.raises(RuntimeError, match="on the CPU"):
        x + torch.rand(4, 3)
    with pytest.raises(RuntimeError, match="on the CPU"):
        x[torch.arange(2)]
    assert (x + torch.tensor(1.0)).device == x.device
    assert (2 * x).device == x.device


def test_what_lies_on_the_gpu_is_not_to_be_had_without_it() -> None:
    with pretended():
        x = torch.rand(4, device="cuda")
    with pytest.raises(RuntimeError, match="outside"):
        x + 1


# --- recording a step ----------------------------------------------------------------------------


class Walk:
    """A random walk whose step is recorded, and how often Python went through it."""

    def __init__(self, device: str, waits: bool = False) -> None:
        self.place = torch.zeros(4, device=device)
        self.calls, self.waits = 0, waits
        self.step = captured(self.moved)

    def moved(self, rows: Tensor, *, speed: float) -> dict[str, Tensor]:
        self.calls += 1
        if self.waits:
            self.place.sum().item()
        self.place[rows] = self.place[rows] + speed * torch.rand(len(rows), device=rows.device)
        return {"mean": self.place.mean()}

    def go(self, steps: list[tuple[list[int], float]]) -> list[float]:
        torch.manual_seed(0)
        places = [torch.tensor(rows, device=self.place.device) for rows, _ in steps]
        return [self.step(at, speed=steps[n][1])["mean"].item() for n, at in enumerate(places)]


def test_a_step_is_recorded_for_each_shape_and_constant(gpu: PretendedGPU) -> None:
    steps = [([n % 4, 1 - n % 2], 1.0) for n in range(7)] + [([3], 1.0)] * 5 + [([0, 2], 0.5)] * 6
    walk = Walk("cuda")
    assert walk.go(steps) == Walk("cpu").go(steps)
    assert walk.calls == 3 * (PLAIN + 1)
    assert gpu.replays == len(steps) - 3 * PLAIN


def test_a_replay_sees_what_was_changed_in_place(gpu: PretendedGPU) -> None:
    walks = Walk("cuda"), Walk("cpu")
    first, then = ([walk.go([([0, 1], 1.0)] * 5) for walk in walks] for _ in "ab")
    assert first[0] == first[1]
    for walk in walks:
        walk.place.fill_(10.0)
    then = [walk.go([([0, 1], 1.0)] * 5) for walk in walks]
    assert then[0] == then[1]
    assert min(then[0]) > 10


def test_a_step_that_waits_is_done_plainly_and_said(gpu: PretendedGPU) -> None:
    steps = [([0, 1], 1.0)] * 6
    walk = Walk("cuda", waits=True)
    with pytest.warns(UserWarning, match="runs plainly: aten._local_scalar_dense") as said:
        assert walk.go(steps) == Walk("cpu").go(steps)
    assert len(said) == 1
    assert gpu.replays == 0


def test_no_memory_for_a_recording_is_no_reason_to_go_on(
    gpu: PretendedGPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **constants: Any) -> None:
        raise torch.OutOfMemoryError("no memory")

    monkeypatch.setattr(capture, "Recording", full)
    with pytest.raises(torch.OutOfMemoryError):
        Walk("cuda").go([([0, 1], 1.0)] * (PLAIN + 1))


def test_several_processes_do_their_steps_plainly(
    gpu: PretendedGPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "ranks", lambda: 2)
    walk = Walk("cuda")
    walk.go([([0, 1], 1.0)] * 6)
    assert walk.calls == 6


def test_what_a_step_leaves_carries_no_gradient() -> None:
    weight = torch.ones(2, requires_grad=True)
    step = captured(lambda rows: {"loss": weight[rows].sum()})
    assert not step(torch.tensor([0, 1]))["loss"].requires_grad
