"""Toys: a method's own equations on a few points, so that a reader can watch the idea."""

from recluster.report.toys.dcss import pairs_to_one_hot
from recluster.report.toys.dynae import dwindling_doubt
from recluster.report.toys.pcx import exemplars
from recluster.report.toys.secu import priced_clusters
from recluster.report.toys.ulhe import simplex

TOYS = {
    "pcx": exemplars,
    "ulhe": simplex,
    "dynae": dwindling_doubt,
    "dcss": pairs_to_one_hot,
    "secu": priced_clusters,
}
