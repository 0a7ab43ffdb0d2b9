"""Features of images from networks that others trained: DCSS's ResNets, PC-X's MoCo.

Choices, where the papers name the network and no more:

1. ResNet-34 to -152 are those of torchvision, trained with ImageNet's labels, in their first edition,
   the only one when DCSS was written. MoCo is version 2 on ResNet-50 after 800 epochs, without labels.
2. Small images are enlarged to 224 x 224 pixels, bilinearly; larger ones are cut as the networks'
   authors do. Colours are centred and scaled by ImageNet's means and deviations.
3. Features are the input of the last linear layer, neither centred nor scaled.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from recluster.data import files, local
from recluster.data.catalogue import DATASETS, IMAGENET, PICTURES, WIDTHS, load_dataset
from recluster.data.formats import Labels
from recluster.spec import InputError, one_of

SIDE = 224
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Tell = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """A network's published weights: torchvision's builder, the address, how the SHA-256 begins."""

    builder: str
    address: str
    checksum: str
    prefix: str = ""  # of the encoder's weights in the file

    @property
    def file(self) -> str:
        """Its path under the data root."""
        return f"weights/{self.address.rpartition('/')[2]}"


TORCHVISION = "https://download.pytorch.org/models"
NETWORKS = {
    name: Pretrained(builder=name, address=f"{TORCHVISION}/{name}-{sum_}.pth", checksum=sum_)
    for name, sum_ in (
        ("resnet34", "b627a593"),
        ("resnet50", "0676ba61"),
        ("resnet101", "63fe2227"),
        ("resnet152", "394f9c45"),
    )
} | {
    "moco": Pretrained(
        builder="resnet50",
        address="https://dl.fbaipublicfiles.com/moco/moco_checkpoints/moco_v2_800ep/"
        "moco_v2_800ep_pretrain.pth.tar",
        checksum="a04e12f8",
        prefix="module.encoder_q.",
    )
}


def extract(
    name: str,
    *,
    root: str | Path | None = None,
    device: str | None = None,
    batch_size: int = 100,
    tell: Tell = lambda done, of: None,
) -> Path:
    """Make the data set `name`, such as "stl10-resnet152": images through a network, into one file.

    The file has its name only once it is whole. `tell` hears after each batch how many samples of how
    many are done.

    Raises:
        InputError: the name is not one of features; images or weights are missing, and cannot be
            fetched, or are damaged.
    """
    one_of("feature set", name, [one for one in DATASETS if DATASETS[one].local.startswith("features/")])
    source, _, kind = name.rpartition("-")
    folder = files.data_root(root)
    encoder, weights = network(kind, folder)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    encoder = encoder.to(device).eval()
    images, labels, checksum = pictures(source, folder, batch_size)
    n, done = len(labels), 0
    x = np.empty((n, WIDTHS[kind]), np.float32)
    with torch.inference_mode():
        for batch in images:
            x[done : done + len(batch)] = encoder(prepared(batch.to(device))).cpu().numpy()
            done += len(batch)
            tell(done, n)
    if not np.isfinite(x).all():
        raise InputError(f"{name}: the features are not all finite; try another device or its CPU")
    made = {"images": source, "checksum": checksum, "network": kind, "weights": weights}
    return _written(folder / DATASETS[name].local, x=x, y=labels, made=np.array(json.dumps(made)))


def network(kind: str, root: Path) -> tuple[nn.Module, str]:
    """A pretrained encoder without its last layer, and its weights' SHA-256; missing ones are fetched.

    Raises:
        InputError: the weights cannot be had, or are not the published ones.
    """
    from torchvision import models

    pretrained = NETWORKS[kind]
    path = root / pretrained.file
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(pretrained.address, str(path), pretrained.checksum)
        except (OSError, RuntimeError) as problem:
            with suppress(OSError):  # it holds other weights
                path.parent.rmdir()
            raise InputError(
                f"{path} is missing, and fetching it from {pretrained.address} failed: {problem}; "
                "put it there, or set RECLUSTER_DATA to a folder that has it"
            ) from problem
    content = path.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    if not checksum.startswith(pretrained.checksum):
        raise InputError(
            f"{path} must have a SHA-256 that begins with {pretrained.checksum}, and has {checksum}; "
            "move it away, and it is fetched again"
        )
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    state = {
        name.removeprefix(pretrained.prefix): value
        for name, value in state.items()
        if name.startswith(pretrained.prefix)
    }
    encoder = getattr(models, pretrained.builder)(weights=None)
    encoder.fc = nn.Identity()
    encoder.load_state_dict({name: value for name, value in state.items() if not name.startswith("fc.")})
    return encoder, checksum


def pictures(name: str, root: Path, size: int) -> tuple[Iterator[Tensor], Labels, str]:
    """Batches of images (b, 3, h, w) in [0, 1], all labels, and what tells these images from others."""
    if name in DATASETS:
        data = load_dataset(name, root=root)
        return iter(torch.from_numpy(data.x).split(size)), data.y, data.checksum
    folder = root / IMAGENET
    if not folder.is_dir():
        raise InputError(
            f"{folder} must hold a folder of images for each class, and is missing; unpack "
            "ImageNet's training images there, or set RECLUSTER_DATA to a folder that has them"
        )
    paths, labels = local.pictures(folder, local.IMAGENET_10 if name == "imagenet10" else ())
    n, k = PICTURES[name]
    if (len(paths), labels.max() + 1) != (n, k):
        raise InputError(
            f"{name} has {n:,} images of {k} classes, and {folder} holds {len(paths):,} of "
            f"{labels.max() + 1}; unpack the whole of it"
        )
    names = "\n".join(str(path.relative_to(folder)) for path in paths)
    batches = (torch.from_numpy(b).float() / 255 for b in local.in_batches(paths, size, SIDE))
    return batches, labels, hashlib.sha256(names.encode()).hexdigest()


def prepared(images: Tensor) -> Tensor:
    """Images (b, 3, h, w) in [0, 1] as the networks saw them in training: (b, 3, 224, 224)."""
    means, deviations = (images.new_tensor(of)[:, None, None] for of in (MEANS, DEVIATIONS))
    if images.shape[-2:] != (SIDE, SIDE):
        images = interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    return (images - means) / deviations


def _written(path: Path, **arrays: Any) -> Path:
    """Write the arrays beside the path, sync, and give the file its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".extract-", delete=False) as file:
        try:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return path
