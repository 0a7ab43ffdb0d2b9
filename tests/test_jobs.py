"""The job script, with a stand-in for `srun` that starts two workers on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from recluster.store import Store

ROOT = Path(__file__).resolve().parents[1]
SRUN = """#!/usr/bin/env bash
trap 'kill $(jobs -p)' TERM
"$@" & "$@" &
wait
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with what the script looks for, and `srun` on the path."""
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / "srun").write_text(SRUN)
    (tmp_path / "srun").chmod(0o755)
    return tmp_path


def submitted(folder, *arguments, **variables):
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", ROOT / "jobs" / "slurm.sh", *arguments],
        env={**os.environ, "PATH": path, "SLURM_SUBMIT_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.slow
def test_the_slurm_job_makes_the_records_and_leaves_nothing_else(checkout):
    told = submitted(
        checkout, "pcx.start", *("--scale", "smoke", "--results", "results"), SLURM_JOB_ID="7"
    )
    assert told.returncode == 0, told.stderr
    records = [*Store(checkout / "results").records()]
    assert records
    assert {record.status for record in records} == {"finished"}
    assert not [*checkout.glob(".recluster-scheduler*")]
    again = submitted(
        checkout, "pcx.start", *("--scale", "smoke", "--results", "results"), SLURM_JOB_ID="8"
    )
    assert again.returncode == 0
    assert [*Store(checkout / "results").records()] == records


def test_outside_a_job_it_says_so(checkout):
    told = submitted(checkout, "pcx.start", SLURM_JOB_ID="")
    assert told.returncode != 0
    assert "this script is for sbatch" in told.stderr


def test_a_wrong_claim_ends_the_job_with_the_message(checkout):
    told = submitted(checkout, "pcx.table99", SLURM_JOB_ID="9")
    assert told.returncode == 2
    assert "unknown claim" in told.stderr
