"""Data sets by name: `load_dataset("mnist")` gives samples, classes, their number, a checksum.

The files lie in the folder `RECLUSTER_DATA`, or else in `~/.cache/recluster/data`, laid out as
torchvision does. Each is checked before it is read; one that is missing or wrong is fetched.
"""

from recluster.data.catalogue import (
    DATASETS,
    Dataset,
    Source,
    content_checksum,
    fetch,
    load_dataset,
    summary,
    verify,
)
from recluster.data.files import CHECKSUMS, State, data_root

__all__ = [
    "CHECKSUMS",
    "DATASETS",
    "Dataset",
    "Source",
    "State",
    "content_checksum",
    "data_root",
    "fetch",
    "load_dataset",
    "summary",
    "verify",
]
