"""`python -m recluster` is the command `recluster`."""

from recluster.cli import main

main()
