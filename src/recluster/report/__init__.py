"""From claims and records to what a reader sees: verdicts, tables, figures. Nothing here trains."""

from recluster.report.page import Page, open_page
from recluster.report.verdict import judge

__all__ = ["Page", "judge", "open_page"]
