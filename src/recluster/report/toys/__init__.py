"""Toys: a method's own equations on a few points, so that a reader can watch the idea."""

from recluster.report.toys.pcx import slow_exemplars

TOYS = {
    "pcx": slow_exemplars,
}
