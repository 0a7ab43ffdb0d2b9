#!/usr/bin/env bash
# Every missing run of some claims on a SLURM cluster, one Dask worker a task:
#
#     sbatch --nodes 2 --ntasks-per-node 4 --gpus-per-task 1 jobs/slurm.sh pcx ulhe --scale paper
#
# The arguments are those of `recluster run`. A job that was killed or ran out of time is submitted again
# with the same line, and goes on. Submit it from a checkout that every node sees, with its .venv made.

#SBATCH --job-name=recluster
#SBATCH --time=08:00:00
#SBATCH --cpus-per-task=4
#SBATCH --output=recluster-%j.log

set -euo pipefail

cd "${SLURM_SUBMIT_DIR:-.}"
bin=.venv/bin
meeting=".recluster-scheduler-${SLURM_JOB_ID:?this script is for sbatch}.json"
export OMP_NUM_THREADS=1 # a run's numbers shall not depend on a node's cores

"$bin/dask" scheduler --port 0 --no-dashboard --scheduler-file "$meeting" &
scheduler=$!
srun "$bin/dask" worker --scheduler-file "$meeting" --nthreads 1 --no-dashboard \
  --local-directory "${TMPDIR:-/tmp}" --death-timeout 300 &
workers=$!
trap 'kill "$workers" "$scheduler" 2>/dev/null || true; rm -f "$meeting"' EXIT

until [ -s "$meeting" ]; do
  kill -0 "$scheduler" || { echo "the Dask scheduler ended; its message stands above" >&2; exit 1; }
  sleep 1
done
address=$("$bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["address"])' "$meeting")

"$bin/recluster" run "$@" --scheduler "$address"
