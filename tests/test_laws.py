"""Laws that every method keeps. A method joins by a line in `TINY`, and inherits them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

from recluster import fingerprint
from recluster.checkpoint import Checkpoint
from recluster.methods import (
    METHODS,
    cmeans,
    dcn,
    dcss,
    dec,
    dkm,
    dynae,
    idec,
    kmeans,
    pcx,
    secu,
    shallow,
    ulhe,
    vade,
)
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.parts import acai, centring, normed, pretraining
from recluster.parts.resuming import Course, State
from recluster.spec import Config, InputError, Step
from recluster.train import train, weights_of

AE = pretraining.Config(epochs=2, batch_size=8, embedding_size=3)
PCX = pcx.Config(epochs=3, burn_in=1, batch_size=8, embedding_size=3)

ACAI = acai.Config(steps=6, batch_size=8, embedding_size=3)
DYNAE = dynae.Config(start=ACAI, steps=9, refresh=3, batch_size=8)
ULHE_AE = normed.Config(epochs=2, batch_size=8, embedding_size=3)
ULHE = ulhe.Config(start=ULHE_AE, epochs=4, batch_size=8, restarts=2)
DCSS_U = centring.Config(start=AE, epochs=2, batch_size=8, learning_rate=1e-3)
DCSS = dcss.Config(start=DCSS_U, epochs=2, guided_epochs=1, batch_size=8, learning_rate=1e-3)

SECU = secu.Config(
    features=8,
    embedding_size=4,
    heads=2,
    epochs=3,
    warm_up=1,
    batch_size=8,
    self_labelling_epochs=2,
    self_labelling_warm_up=1,
    self_labelling_batch=8,
)

TINY: dict[str, dict[str, Config]] = {
    "ae": {"ae": AE, "ae conv": replace(AE, network="conv")},
    "kmeans": {
        "kmeans": kmeans.Config(restarts=2),
        "kmeans on ae": kmeans.Config(restarts=2, start=AE),
    },
    "idec": {"idec": idec.Config(start=AE, steps=9, refresh=4, batch_size=8)},
    "pcx": {
        "pcx": PCX,
        "pcx conv": replace(PCX, network="conv", epochs=2),
        "pcx no CI": replace(PCX, centroid_integration=False),
        "pcx proximal": replace(PCX, centroid_update="proximal"),
        "pcx running sums": replace(PCX, centroid_update="running sums"),
        "pcx fixed": replace(PCX, centroid_update="fixed"),
        "pcx reweighted": replace(PCX, reweighted=True, smoothing=5.0),
        "pcx on ae": replace(PCX, start=AE),
    },
    "acai": {
        "acai": ACAI,
        "acai conv": replace(ACAI, network="conv"),
        "acai plain": replace(ACAI, deception_weight=0.0, initialisation="fan-in"),
    },
    "ulhe-ae": {"ulhe-ae": ULHE_AE, "ulhe-ae relu": replace(ULHE_AE, embedding="relu")},
    "ulhe": {
        "ulhe": ULHE,
        "ulhe sum": replace(ULHE, compactness="sum"),
        "ulhe relu": replace(ULHE, start=replace(ULHE_AE, embedding="relu")),
        "ulhe batches": replace(ULHE, iteration="batch"),
        "ulhe augmented": replace(ULHE, rotation=10.0, shift=0.1),
        "ulhe neither": replace(ULHE, uniformity_weight=0.0, compactness_weight=0.0),
    },
    "dynae": {
        "dynae": DYNAE,
        "dynae conv": replace(DYNAE, start=replace(ACAI, network="conv")),
        "dynae neighbour": replace(DYNAE, target="neighbour"),
        "dynae decoded centroid": replace(DYNAE, target="decoded centroid"),
        "dynae consistency": replace(DYNAE, consistency=True),
        "dynae DC*": replace(DYNAE, dynamic=False),
    },
    "dcss": {
        "dcss": DCSS,
        "dcss conv": replace(DCSS, start=replace(DCSS_U, start=replace(AE, network="dcss-conv"))),
        "ae mnet": replace(DCSS, start=AE),
        "dcn mnet": replace(DCSS, start=dcn.Config(start=AE, epochs=2, batch_size=8)),
        "dcss ablated": replace(DCSS, fuzziness=1.1, similar=0.5, dissimilar=0.5),
    },
    "dcss-u": {
        "dcss-u": DCSS_U,
        "dcss-u conv": replace(DCSS_U, start=replace(AE, network="dcss-conv")),
        "dcss-u ablated": replace(DCSS_U, centring_weight=0.0, fuzziness=1.1),
    },
    "cmeans": {"cmeans": cmeans.Config(start=AE, updates=3)},
    "secu": {
        "secu": SECU,
        "secu bounded": replace(SECU, upper_ratio=1.1),
        "secu entropy": replace(SECU, constraint="entropy"),
        "secu mlp": replace(SECU, network="mlp"),
        "secu conv": replace(SECU, network="conv"),
        "secu self-labelling": replace(SECU, self_labelling=True),
    },
    "dec": {"dec": dec.Config(start=AE, steps=9, refresh=4, batch_size=8)},
    "dcn": {"dcn": dcn.Config(start=AE, epochs=2, batch_size=8)},
    "dkm": {"dkm": dkm.Config(start=AE, epochs=2, batch_size=8)},
    "vade": {"vade": vade.Config(start=AE, epochs=3, decay_epochs=1, batch_size=8)},
    "shallow": {
        f"shallow {name}": shallow.Config(algorithm=name, restarts=2) for name in shallow.ALGORITHMS
    }
    | {"shallow gmm on ae": shallow.Config(start=AE, restarts=2)},
}
CASES = {name: config for method in METHODS for name, config in TINY.get(method, {}).items()}
DETERMINED = {"shallow agglomerative", "shallow finch", "shallow nmf"}  # nothing in them is random
PRETRAINING = {"ae", "acai", "ulhe-ae"}  # methods without clusters
K = 3

every = pytest.mark.parametrize("config", CASES.values(), ids=CASES.keys())


def test_every_method_has_a_tiny_config():
    assert set(METHODS) == set(TINY), (
        f"add a tiny config for {set(METHODS) ^ set(TINY)} to TINY, so that every law speaks of it"
    )
    for method, configs in TINY.items():
        assert {type(config) for config in configs.values()} == {METHODS[method].config}


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fully connected networks with two narrow hidden layers: no law speaks of their width."""
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(16, 8)))


def images(n: int = 17, seed: int = 0) -> Tensor:
    """Three clusters of (n, 1, 8, 8); with batches of 8, the last of 17 holds one sample."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.rand(K, 1, 8, 8, generator=generator)[torch.arange(n) % K]
    return 0.8 * patterns + 0.2 * torch.rand(n, 1, 8, 8, generator=generator)


Values = dict[str, Tensor]


def held(step: Step) -> Values:
    """Copies of the curves and of all weights."""
    weights = {
        f"{name}.{key}": value.clone()
        for name, module in step.modules.items()
        for key, value in module.state_dict().items()
    }
    return {name: value.clone() for name, value in step.curves.items()} | weights


def asked(step: Step, x: Tensor) -> Values:
    """Everything that an observer can ask for."""
    values = {"embed": step.embed(x)}
    values |= {f"view {name}": view(x) for name, view in step.views.items()}
    if step.assign is not None:
        values["assign"] = step.assign(x)
    if step.exemplars is not None:
        values["exemplars"] = step.exemplars()
    return values


def same(a: list[Values], b: list[Values]) -> bool:
    """Whether two runs are alike, bit for bit."""
    return len(a) == len(b) and all(
        one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
        for one, two in zip(a, b, strict=True)
    )


def outcome(x: Tensor, config: Config, k: int = K, seed: int = 0) -> list[Values]:
    """What every step leaves."""
    steps = train(x, k, config, seed)
    return [held(step) | asked(step, x.to(torch.float32)) for step in steps]


def last(x: Tensor, config: Config, k: int = K) -> Step:
    *_, step = train(x, k, config, seed=0)
    return step


def check_valid(values: Values, n: int, k: int) -> None:
    """Finite numbers, and assignments that sum to one."""
    assert all(torch.isfinite(value).all() for value in values.values())
    if "assign" in values:
        q = values["assign"]
        assert q.shape == (n, k)
        assert (q >= 0).all()
        torch.testing.assert_close(q.sum(1), torch.ones(n))
        assert set(q.argmax(1).tolist()) <= set(range(k))


# --- what a step is -----------------------------------------------------------------------------


def chain_of(config: Config | None) -> Iterator[Config]:
    """The config, that of the run which it starts from, and so on."""
    while config is not None:
        yield config
        config = config.start


@every
@pytest.mark.parametrize("flat", [False, True])
def test_steps_have_the_promised_fields(config, flat):
    x = images().flatten(1) if flat else images()
    if flat and ("conv" in str(config) or config.method == "secu"):
        with pytest.raises(InputError, match="needs images"):
            last(x, config)
        return
    steps = list(train(x, K, config, seed=0))
    assert [step.phase for step in steps] == sorted(
        (step.phase for step in steps), key=["pretraining", "clustering"].index
    )
    assert all(step.epoch <= step.epochs for step in steps)
    begun = [0, *(i for i, (a, b) in enumerate(pairwise(steps), 1) if b.epoch <= a.epoch), len(steps)]
    assert len(begun) - 1 == len([*chain_of(config)])  # each run of a chain counts its own epochs
    for first, over in pairwise(begun):
        epochs = [step.epoch for step in steps[first:over]]
        epochs = epochs[1:] if epochs[0] == 0 else epochs  # clusters before any training
        assert epochs == [*range(1, len(epochs) + 1)]
    for step in steps:
        assert bool(step.curves) == (step.epoch > 0)
        assert all(value.shape == () and torch.isfinite(value) for value in step.curves.values())
        assert not any(value.requires_grad for value in step.curves.values())
        z = step.embed(x)
        assert (z.ndim, len(z), z.requires_grad) == (2, len(x), False)
        assert all(len(view(x)) == len(x) for view in step.views.values())
        assert (step.assign is None) == (step.phase == "pretraining")
        if step.exemplars is not None:
            assert step.exemplars().shape == (K, *x.shape[1:])
        check_valid(asked(step, x), len(x), K)
    assert steps[-1].phase == ("pretraining" if config.method in PRETRAINING else "clustering")


@every
def test_a_start_is_trained_first_and_leaves_an_autoencoder(config):
    steps = list(train(images(), K, config, seed=0))
    before = [step for step in steps if step.phase == "pretraining"]
    assert bool(before) == (config.start is not None or config.method in PRETRAINING)
    assert all("autoencoder" in step.modules for step in before)


@every
def test_new_samples_are_embedded_and_assigned_one_by_one_as_together(config):
    step, new = last(images(), config), images(9, seed=5)
    together = asked(step, new)
    for n in range(len(new)):
        alone = asked(step, new[n : n + 1])
        for name in alone.keys() - {"exemplars"}:
            torch.testing.assert_close(alone[name][0], together[name][n], rtol=1e-4, atol=1e-5)


# --- randomness ---------------------------------------------------------------------------------


@every
def test_the_same_seed_gives_the_same_steps_bit_for_bit(config):
    assert same(outcome(images(), config, seed=3), outcome(images(), config, seed=3))


DRAWN = {name: config for name, config in CASES.items() if name not in DETERMINED}


@pytest.mark.parametrize("config", DRAWN.values(), ids=DRAWN.keys())
def test_another_seed_gives_other_steps(config):
    x = torch.rand(17, 1, 8, 8, generator=torch.Generator().manual_seed(0))  # nothing to agree on
    config = replace(config, restarts=1) if config.method == "kmeans" else config
    first = outcome(x, config, seed=0)
    assert not all(same(first, outcome(x, config, seed=seed)) for seed in range(1, 4))


@every
def test_who_watches_changes_nothing(config):
    x = images()
    alone = [held(step) for step in train(x, K, config, seed=1)]
    watched = []
    for step in train(x, K, config, seed=1):
        watched.append(held(step))
        torch.rand(7)
        np.random.default_rng().random(7)
        torch.manual_seed(99)
        asked(step, x)
        asked(step, x[:1])
        torch.randperm(5)
    assert same(alone, watched)


@every
def test_a_run_leaves_the_random_stream_of_its_caller(config):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    list(train(images(), K, config, seed=1))
    assert torch.equal(torch.rand(3), expected)


@every
def test_asking_twice_gives_the_same_answer(config):
    x = images()
    for step in train(x, K, config, seed=0):
        assert same([asked(step, x)], [asked(step, x)])


@every
def test_the_data_are_left_as_they_were(config):
    x = images()
    before = x.clone()
    outcome(x, config)
    assert torch.equal(x, before)


# --- broken off, and gone on with ----------------------------------------------------------------


LIVELY = {"dec": {"steps": 20}, "idec": {"steps": 20}, "dynae": {"steps": 20}}
LIVELY |= {"dcn": {"epochs": 4, "learning_rate": 0.1}}  # or no label ever changes
LOOPING = {name: replace(config, **LIVELY.get(config.method, {})) for name, config in CASES.items()}


@pytest.mark.parametrize("config", LOOPING.values(), ids=LOOPING.keys())
def test_broken_off_before_any_epoch_a_run_goes_on_bit_for_bit(config: Config, tmp_path: Path) -> None:
    x = torch.rand(17, 1, 8, 8, generator=torch.Generator().manual_seed(0))  # labels that change
    files: list[Checkpoint] = []
    start = weights_of(last(x, config.start)) if config.start else None

    def left(course: Course) -> list[Values]:
        steps = train(x, K, config, 3, start, course=course)
        epochs = (step for step in steps if step.epoch > 0)  # what goes on finds its start anew
        return [held(step) | asked(step, x) for step in epochs]

    def keep(state: Callable[[], State], begins: bool) -> None:
        files.append(Checkpoint(tmp_path / str(len(files)), {}))
        files[-1].write(state)

    unbroken = left(Course())
    assert same(left(Course(between=keep)), unbroken)
    assert len(files) >= len(unbroken) or len(unbroken) == 1, "let the loop be `resumable`"
    for done, file in enumerate(files):
        assert same(left(Course(state=file.read())), unbroken[done:]), (
            f"after epoch {done}: something changes in an epoch and is not named to `resumable`"
        )


# --- awkward data -------------------------------------------------------------------------------

few_distinct = pytest.mark.filterwarnings("ignore:Number of distinct clusters")


@few_distinct
@every
@pytest.mark.parametrize("kind", ["constant", "zero", "duplicated", "one apart", "large", "tiny"])
def test_awkward_data_are_survived(config, kind):
    x = {
        "constant": torch.full((17, 1, 8, 8), 0.5),
        "zero": torch.zeros(17, 1, 8, 8),
        "duplicated": images(2).repeat(9, 1, 1, 1)[:17],
        "one apart": torch.cat([torch.zeros(16, 1, 8, 8), torch.ones(1, 1, 8, 8)]),
        "large": 1000 * images(),
        "tiny": 1e-6 * images(),
    }[kind]
    for values in outcome(x, config):
        check_valid(values, 17, K)


@every
@pytest.mark.parametrize(
    ("n", "k"), [(17, 2), (4, 3), (3, 3), (3, 2), (2, 2), (9, 8), (16, 3), (1 + 2 * 8, 3)]
)
def test_few_samples_and_remainders_are_survived(config, n, k):
    for values in outcome(images(n), config, k=k):
        check_valid(values, n, k)


@every
def test_constant_features_are_survived(config):
    x = images()
    x[:, :, 2:5] = 0.25
    for values in outcome(x, config):
        check_valid(values, 17, K)


@every
def test_float64_and_non_contiguous_data_give_what_their_plain_copies_give(config):
    x = images()
    plain = [held(step) for step in train(x, K, config, seed=0)]
    turned = x.transpose(2, 3).contiguous().transpose(2, 3)
    assert not turned.is_contiguous()
    strided = torch.stack([x, -x], dim=1)[:, 0]
    for other in (x.double(), turned, strided):
        assert same(plain, [held(step) for step in train(other, K, config, seed=0)])


# --- configs ------------------------------------------------------------------------------------


@pytest.fixture
def optimiser_steps() -> Iterator[list[int]]:
    """A list that grows by one entry with every step of any optimiser."""
    taken: list[int] = []
    handle = register_optimizer_step_post_hook(lambda *_: taken.append(1))
    yield taken
    handle.remove()


BIG: dict[str, Config] = {name: method.config() for name, method in METHODS.items()} | {
    "kmeans on ae": kmeans.Config(start=pretraining.Config()),
    "pcx on ae": pcx.Config(start=pretraining.Config()),
}


@pytest.mark.parametrize("config", BIG.values(), ids=BIG.keys())
def test_a_shortened_config_takes_a_few_steps_on_the_fingerprints_data(config, optimiser_steps):
    short = config.shortened()
    assert type(short) is type(config)
    outcome(fingerprint._data(), short, k=fingerprint.CLUSTERS)
    assert len(optimiser_steps) <= 60


@pytest.mark.parametrize("config", BIG.values(), ids=BIG.keys())
def test_rounding_moves_no_fingerprint(config, monkeypatch):
    """Ten times what double precision rounds, on every value: more than two processors differ by."""
    before, data = fingerprint.fingerprint(config), fingerprint._data

    def shaken() -> Tensor:
        x = data()
        return x * (1 + 1e-15 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)))

    monkeypatch.setattr(fingerprint, "_data", shaken)
    fingerprint._measured.cache_clear()
    after = fingerprint.fingerprint(config)
    fingerprint._measured.cache_clear()
    assert fingerprint.matches(before, after)


@every
def test_keys_tell_configs_apart_and_ignore_defaults(config):
    assert config.canonical()["method"] == config.method
    assert METHODS[config.method].config is type(config)
    for other in CASES.values():
        assert (config.changed() == other.changed()) == (config == other)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.start = None


def numbers(config: Config) -> dict[str, Any]:
    """The fields that hold a number."""
    values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    return {n: v for n, v in values.items() if isinstance(v, int | float) and type(v) is not bool}


MAY_BE_0 = {("pcx", "burn_in")}


def nonsense() -> Iterator[Any]:
    for method, page in METHODS.items():
        config = page.config()
        for name, value in numbers(config).items():
            wrong = [-1, float("nan")]
            wrong += [0] if type(value) is int and (method, name) not in MAY_BE_0 else []
            for one in wrong:
                yield pytest.param(config, name, one, id=f"{method}-{name}-{one}")


@pytest.mark.parametrize(("config", "name", "value"), list(nonsense()))
def test_nonsense_is_refused(config, name, value):
    with pytest.raises(InputError, match=name):
        replace(config, **{name: value})


counts = pytest.mark.parametrize(
    ("config", "name"),
    [
        pytest.param(page.config(), name, id=f"{method}-{name}")
        for method, page in METHODS.items()
        for name, value in numbers(page.config()).items()
        if type(value) is int
    ],
)


@counts
def test_fractions_of_a_count_are_refused(config, name):
    with pytest.raises(InputError, match=name):
        replace(config, **{name: 2.5})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: replace(AE, network="resnet"), "unknown network 'resnet'; choose one of: mlp, conv"),
        (lambda: replace(PCX, network="resnet"), "unknown network 'resnet'"),
        (
            lambda: replace(PCX, centroid_update="mean"),
            "unknown centroid update 'mean'; choose one of: average, proximal",
        ),
        (lambda: replace(PCX, momentum=1.01), r"momentum must be in \[0, 1\], got 1.01"),
        (lambda: idec.Config(tolerance=2.0), "tolerance"),
        (lambda: idec.Config(start=None), "idec starts from an autoencoder"),
        (lambda: idec.Config(start=PCX), "idec starts from an autoencoder"),
        (lambda: kmeans.Config(start=PCX), "kmeans can start from an autoencoder"),
    ],
)
def test_other_nonsense_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    "start", [kmeans.Config(), PCX, replace(AE, embedding_size=4), replace(AE, network="conv")]
)
def test_pcx_refuses_a_start_that_is_not_its_own_autoencoder(start):
    with pytest.raises(InputError, match="start"):
        replace(PCX, start=start)


def test_a_convolutional_start_on_flat_data_is_refused():
    config = kmeans.Config(start=replace(AE, network="conv"))
    with pytest.raises(InputError, match=r"needs images .* reshape them or take network=\"mlp\""):
        last(images().flatten(1), config)
