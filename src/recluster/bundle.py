"""Bundles: records of one machine in a few files, to be carried to another and merged there.

A bundle is a folder with a manifest and zip files, each named by its content. It grows record by
record: after every one it is whole, and a process that is killed leaves what it had added.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recluster import __version__
from recluster.spec import InputError, Run
from recluster.store import ARRAYS, SCHEMA, Record, Store, folder_name, read, replace_atomically

FORMAT = 1
MANIFEST = "manifest.json"
PART_BYTES = 12_000_000  # a part that is larger is followed by another: none reaches 16 MB
FILE_BYTES = 64_000_000  # no file of a record is larger, unpacked


class Bundle:
    """A folder that takes records; one that holds a bundle already is continued."""

    def __init__(self, folder: Path) -> None:
        """Open or begin the bundle.

        Raises:
            InputError: the folder holds other files, a damaged bundle, or cannot be written to.
        """
        self.folder = folder
        self.parts: list[dict[str, Any]] = []
        self.begun = datetime.now(UTC).isoformat(timespec="microseconds")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if (folder / MANIFEST).exists():
                self.begun, self.parts = opened(folder)
            elif any(not path.name.startswith(".") for path in folder.iterdir()):
                raise InputError(f"{folder} holds files that are no bundle; name a new folder by --out")
            self._write_manifest()
            for path in folder.glob("records-*.zip"):
                if path.name not in {part["file"] for part in self.parts}:
                    path.unlink()  # of a process that was killed between two steps of `add`
        except OSError as problem:
            raise InputError(f"no bundle can be written to {folder}: {problem}") from problem

    def catch_up(self, store: Store, runs: Iterable[Run]) -> None:
        """Add the records that came since the bundle was begun and are not in it.

        A process that was killed may have stored one and not added it.
        """
        held = {name for part in self.parts for name in part["records"]}
        for run in runs:
            record = None if run.name in held else store.find(run)
            if record is not None and record.started >= self.begun:
                self.add(store, record)

    def add(self, store: Store, record: Record) -> None:
        """Put a record of the store into the bundle, in place of an older one of the same run."""
        name = folder_name(record)
        holding = [part for part in self.parts if name in part["records"]]
        if holding:
            part = holding[0]
        elif self.parts and (self.folder / self.parts[-1]["file"]).stat().st_size < PART_BYTES:
            part = self.parts[-1]
        else:
            part = {"file": "", "sha256": "", "records": []}
            self.parts.append(part)
        old = part["file"]
        contents = unpacked(self.folder / old) if old else {}
        files = ["record.json", *([record.arrays["file"]] if record.arrays else [])]
        contents[name] = {file: (store.root / name / file).read_bytes() for file in files}
        content = packed(contents)
        digest = hashlib.sha256(content).hexdigest()
        part |= {"file": f"records-{digest[:12]}.zip", "sha256": digest, "records": sorted(contents)}
        replace_atomically(self.folder / part["file"], content)
        self._write_manifest()
        if old and old != part["file"]:
            (self.folder / old).unlink()

    def _write_manifest(self) -> None:
        manifest = {
            "format": FORMAT,
            "schema": SCHEMA,
            "recluster": __version__,
            "begun": self.begun,
            "parts": self.parts,
        }
        content = json.dumps(manifest, indent=1) + "\n"
        replace_atomically(self.folder / MANIFEST, content.encode())


def packed(contents: dict[str, dict[str, bytes]]) -> bytes:
    """A zip file of folders with files: the same content gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for folder, files in sorted(contents.items()):
            for name, content in sorted(files.items()):
                squeezed = zipfile.ZIP_DEFLATED if name == "record.json" else zipfile.ZIP_STORED
                archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), content, squeezed)
    return buffer.getvalue()


def unpacked(part: Path) -> dict[str, dict[str, bytes]]:
    """Folder to file to content, in memory: nothing is extracted to where a name may point.

    Raises:
        InputError: it is no zip file, or holds anything but the files of records.
    """
    contents: dict[str, dict[str, bytes]] = {}
    try:
        with zipfile.ZipFile(part) as archive:
            for entry in archive.infolist():
                folder, _, name = entry.filename.partition("/")
                plain = folder not in ("", ".", "..") and "\\" not in entry.filename
                if not plain or not (name == "record.json" or ARRAYS.fullmatch(name)):
                    raise ValueError(f"{entry.filename!r} is no file of a record")
                if entry.file_size > FILE_BYTES or name in contents.get(folder, {}):
                    raise ValueError(f"{entry.filename!r} is too large, or there twice")
                contents.setdefault(folder, {})[name] = archive.read(entry)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise refusal(part, f"{type(problem).__name__}: {problem}") from problem
    return contents


def opened(folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """When the bundle was begun, and the manifest's parts, each checked by its SHA-256.

    Raises:
        InputError: there is no manifest, or it is of another format or schema, or a part is not as it
            says.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
        if (manifest["format"], manifest["schema"]) != (FORMAT, SCHEMA):
            raise ValueError(
                f"format {manifest['format']} of schema {manifest['schema']}, written by recluster "
                f"{manifest['recluster']}; this version reads format {FORMAT} of schema {SCHEMA}"
            )
        begun = str(manifest["begun"])
        parts: list[dict[str, Any]] = [
            {"file": part["file"], "sha256": part["sha256"], "records": [*map(str, part["records"])]}
            for part in manifest["parts"]
        ]
        for part in parts:
            if Path(part["file"]).name != part["file"]:
                raise ValueError(f"the part {part['file']!r} lies outside the bundle")
            if hashlib.sha256((folder / part["file"]).read_bytes()).hexdigest() != part["sha256"]:
                raise ValueError(f"the part {part['file']} does not have the recorded SHA-256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise refusal(path, f"{type(problem).__name__}: {problem}") from problem
    return begun, parts


def extract(folder: Path, target: Path) -> list[Record]:
    """The bundle's records as a store in the empty folder `target`, every one validated.

    Raises:
        InputError: something in the bundle is not as it should be.
    """
    records = []
    for part in opened(folder)[1]:
        contents = unpacked(folder / part["file"])
        if sorted(contents) != sorted(part["records"]):
            raise refusal(folder / part["file"], "it does not hold the records that the manifest lists")
        for name, files in contents.items():
            place = target / name
            place.mkdir()
            for file, content in files.items():
                (place / file).write_bytes(content)
            try:
                records.append(read(place))
            except InputError as problem:
                raise refusal(folder / part["file"], f"{name}: {problem.__cause__}") from problem
    return records


def refusal(path: Path, reason: str) -> InputError:
    """The one line that a bundle is refused with."""
    return InputError(f"the bundle {path} is refused ({reason}); nothing was changed")
