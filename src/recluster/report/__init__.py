"""From claims and records to what a reader sees: verdicts, tables, figures. Nothing here trains."""
