"""The nouns of the package: `Config`, `Run`, `Step`, and the one error that a user may cause.

A *run* is one (method, data set, config, seed, scale), keyed by a hash of its canonical form. A method
turns data into *steps*, one an epoch, and knows nothing of scores, files, devices or seeds.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Self

from torch import Tensor, nn

SCALES = ("smoke", "laptop", "paper")


class InputError(ValueError):
    """What the user gave breaks a rule; the message says the rule, what came and the remedy."""


def one_of(name: str, value: object, allowed: Iterable[object]) -> None:
    """Raise `InputError` unless `value` is among `allowed`."""
    known = list(allowed)
    if value not in known:
        raise InputError(f"unknown {name} {value!r}; choose one of: {', '.join(map(str, known))}")


def check_scale(scale: str) -> None:
    """Raise `InputError` unless `scale` is one of `SCALES`."""
    one_of("scale", scale, SCALES)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """What a method can be told. Every method's page has its own, with the source of each default.

    Attributes:
        method: the method's name, as in `recluster.methods.METHODS`.
        start: the config of the run whose weights this one starts from; None for a cold start.
    """

    method: ClassVar[str]
    start: Config | None = None

    def shortened(self) -> Self:
        """The same method over a few epochs: enough to tell whether its behaviour has changed."""
        raise NotImplementedError(f"{type(self).__module__}.Config must say what a few epochs are")

    def canonical(self) -> dict[str, Any]:
        """All fields as plain JSON values, the method's name first."""
        values: dict[str, Any] = {"method": self.method}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            values[field.name] = value.canonical() if isinstance(value, Config) else value
        return values

    def changed(self) -> dict[str, Any]:
        """`canonical` without the fields at their default, so that a new option keeps old keys."""
        values: dict[str, Any] = {"method": self.method}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                values[field.name] = value.changed() if isinstance(value, Config) else value
        return values


def positive(config: Config, *names: str) -> None:
    """Raise `InputError` unless the named fields are finite and greater than zero."""
    _numbers(config, names, "positive", lambda value: value > 0)


def not_negative(config: Config, *names: str) -> None:
    """Raise `InputError` unless the named fields are finite and zero or more."""
    _numbers(config, names, "zero or more", lambda value: value >= 0)


def fraction(config: Config, *names: str) -> None:
    """Raise `InputError` unless the named fields lie in [0, 1]."""
    _numbers(config, names, "in [0, 1]", lambda value: 0 <= value <= 1)


def _numbers(config: Config, names: Iterable[str], rule: str, holds: Callable[[float], bool]) -> None:
    types = {field.name: field.type for field in dataclasses.fields(config)}
    for name in names:
        value = getattr(config, name)
        whole = types[name] in (int, "int")
        kind = int if whole else (int, float)
        number = isinstance(value, kind) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not holds(value):
            noun = "a whole number, " if whole else ""
            raise InputError(f"{config.method}: {name} must be {noun}{rule}, got {value!r}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One (method, data set, config, seed, scale); equal runs have equal keys."""

    config: Config
    dataset: str
    seed: int
    scale: str

    def __post_init__(self) -> None:
        check_scale(self.scale)
        if self.seed < 0:
            raise InputError(f"a seed must be 0 or more, got {self.seed}")

    @property
    def method(self) -> str:
        """The method's name, from the config."""
        return self.config.method

    @property
    def start(self) -> Run | None:
        """The run whose weights this one starts from: same data, seed and scale."""
        if self.config.start is None:
            return None
        return dataclasses.replace(self, config=self.config.start)

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical form."""
        content = [self.config.changed(), self.dataset, self.seed, self.scale]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """A readable name that is also the record's folder: method-dataset-scale-seed-key."""
        return f"{self.method}-{self.dataset}-{self.scale}-s{self.seed}-{self.key}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """What a method leaves after one epoch. Nothing in it is computed unless somebody asks.

    Attributes:
        phase: "pretraining" or "clustering".
        epoch: number of this epoch in its phase, from 1; 0 for clusters before any training, of which
            there are no curves.
        epochs: how many epochs the phase has at most.
        curves: name to the epoch's mean, as 0-dimensional tensors on the training device.
        modules: the trained modules by name, for observers and for the weights' cache.
        embed: x (n, ...) to z (n, d).
        assign: x (n, ...) to the clusters' probabilities (n, k), or None before clustering.
        exemplars: the centroids as the decoder shows them (k, ...), or None.
        views: further representations of x by name, each x (n, ...) to (n, d).
        handed_on: what a run that starts from this one is given beside the autoencoder's weights, by
            names that no weight has.
    """

    phase: str
    epoch: int
    epochs: int
    curves: Mapping[str, Tensor]
    modules: Mapping[str, nn.Module]
    embed: Callable[[Tensor], Tensor]
    assign: Callable[[Tensor], Tensor] | None = None
    exemplars: Callable[[], Tensor] | None = None
    views: Mapping[str, Callable[[Tensor], Tensor]] = dataclasses.field(default_factory=dict)
    handed_on: Mapping[str, Tensor] = dataclasses.field(default_factory=dict)

    def labels(self, x: Tensor) -> Tensor:
        """Cluster numbers (n,) of x (n, ...): the most probable cluster.

        Raises:
            RuntimeError: the method has no clusters yet.
        """
        if self.assign is None:
            raise RuntimeError(f"no clusters in the phase {self.phase!r}")
        return self.assign(x).argmax(1)

    def weights(self) -> dict[str, Tensor]:
        """What a run that starts from this one is given: the autoencoder's weights, and `handed_on`.

        Raises:
            InputError: the run leaves no autoencoder.
        """
        if "autoencoder" not in self.modules:
            raise InputError("no run can start from a method that leaves no autoencoder of its own")
        return {**self.modules["autoencoder"].state_dict(), **self.handed_on}
