"""Checkpoints: one file for a run that is under way, from which the same run goes on after a kill.

The file begins with a checksum of its content and of the circumstances: the run, the code, the data,
the device and whatever else its numbers depend on. One that is damaged, or of other circumstances, is
as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from recluster.store import replace_atomically

INTERVAL = 180.0  # seconds between two; a run that ends sooner leaves none
DIGEST = hashlib.sha256().digest_size

State = dict[str, Any]


class Checkpoint:
    """The checkpoint of one run: its file, and when it is due again."""

    def __init__(self, path: Path, circumstances: Mapping[str, Any]) -> None:
        self.path = path
        self.circumstances = json.dumps(circumstances, sort_keys=True).encode()
        self.begun = self.written = time.monotonic()
        self.warned = False

    def read(self) -> State | None:
        """What was kept, on the CPU; None unless it is whole and of these circumstances."""
        try:
            kept = self.path.read_bytes()
        except OSError:
            return None
        digest, content = kept[:DIGEST], kept[DIGEST:]
        if digest != self._digest(content):
            return None
        state: State = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return state

    def due(self, begins: bool) -> bool:
        """Whether it is time: after an interval, or where a loop `begins` that long after the start."""
        return time.monotonic() - (self.begun if begins else self.written) >= INTERVAL

    def write(self, state: Callable[[], State]) -> None:
        """Keep this state in place of an earlier one; where that cannot be, the run goes on without."""
        buffer = io.BytesIO()
        torch.save(state(), buffer)
        content = buffer.getvalue()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_atomically(self.path, self._digest(content) + content)
        except OSError as problem:
            if not self.warned:
                warnings.warn(
                    f"no checkpoint can be written to {self.path} ({problem.strerror}); the run goes "
                    f"on, but killed it would begin again: make room, or make the folder writable",
                    stacklevel=2,
                )
            self.warned = True
        self.written = time.monotonic()

    def _digest(self, content: bytes) -> bytes:
        return hashlib.sha256(self.circumstances + content).digest()


def remove(path: Path) -> None:
    """Remove a checkpoint, and what a process that was killed while writing it may have left."""
    with contextlib.suppress(OSError):
        for leftover in [path, *path.parent.glob(f".{path.name}-*")]:
            leftover.unlink(missing_ok=True)
