"""What the site needs at build time: MathJax from a package, numbers and links from records."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from recluster.report import site, sources, status
from recluster.store import Store

MATHJAX = "sphinx-mathjax-offline/static/mathjax/tex-svg-full.js"
# What plain text means by itself and reStructuredText would read as markup: |z|, *shape, labels_.
MARKUP = re.compile(r"(?<!\\)(\|(?=\S)|(?<![*\w])\*(?=\w)(?![^*]*\w\*)|(?<=\w)_(?![\w`]))")


def serve_mathjax(app: Sphinx, config: Config) -> None:
    """Put MathJax beside the pages, so that no page asks an outside host for it.

    The file comes out of a package on the disk. It stays out of `_static`, whose scripts are all
    added to every page.
    """
    extra = Path(app.outdir).parent / "extra"
    target = extra / "mathjax" / Path(MATHJAX).name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(str(distribution("sphinx-mathjax-offline").locate_file(MATHJAX)), target)
    config.html_extra_path = [*config.html_extra_path, str(extra)]


def fill_numbers(app: Sphinx, config: Config) -> None:
    """Fill `{{ name }}` in prose from records; the footer says where the numbers are from."""
    config.myst_substitutions = {**config.myst_substitutions, **site.substitutions()}
    config.myst_substitutions |= status_of_pages(Path(app.srcdir))
    config.myst_substitutions |= {"data_sets": sources.as_html()}
    footer = f'<div class="provenance">{site.provenance()}</div>'
    config.html_theme_options = {**config.html_theme_options, "extra_footer": footer}


def status_of_pages(book: Path) -> dict[str, str]:
    """How every executed notebook stands, and the records that do not count."""
    records = {record.key: record for record in Store().valid()}
    return {"pages_status": status.as_html(book, records), "record_faults": status.faults(book)}


def copy_records(app: Sphinx, config: Config) -> None:
    """Put every record's file under `records/` in the site; Sphinx copies what `serve_mathjax` named."""
    target = Path(app.outdir).parent / "extra" / "records"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for folder in Store().folders():
        shutil.copyfile(folder / "record.json", target / f"{folder.name}.json")


def resolve_links(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Links to records and pages, which notebooks write without knowing where they stand in the site."""

    def address(place: str) -> str:
        return str(context["pathto"](place, 1))

    for part in ("body", "theme_extra_footer"):
        if context.get(part):
            context[part] = site.linked(context[part], app.env.found_docs, address)


def drop_thebe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Leave out the scripts of live code cells: unused here, and an error in every console."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not _of_thebe(file)]


def _of_thebe(file: object) -> bool:
    attributes = getattr(file, "attributes", {})
    return "thebe" in f"{getattr(file, 'filename', file)} {attributes.get('body', '')}".lower()


def readable_default(
    app: Sphinx,
    kind: str,
    name: str,
    documented: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """A dataclass field made by a factory shows as `...`; Sphinx cannot parse `<factory>`.

    `start`, which every config inherits, is of the class that `spec` calls `Config`, as many others do.
    """
    if not signature:
        return None
    plain = signature.replace("<factory>", "...")
    return plain.replace("start: Config |", "start: ~recluster.spec.Config |"), returned


def plain_text(
    app: Sphinx, kind: str, name: str, documented: object, options: object, lines: list[str]
) -> None:
    """Docstrings are read as text: what looks like markup outside of backticks stays as it is."""
    for number, line in enumerate(lines):
        parts = re.split(r"(`+[^`]*`+\S*|:\w+[^:`]*:)", line)
        parts[::2] = [MARKUP.sub(r"\\\1", part) for part in parts[::2]]
        lines[number] = "".join(parts)


def skip_request(
    app: Sphinx, kind: str, name: str, documented: object, skip: bool, options: object
) -> bool | None:
    """Leave out what scikit-learn adds to an estimator by itself: `set_fit_request` and the like."""
    return True if name.startswith("set_") and name.endswith("_request") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above; Sphinx calls this."""
    app.connect("config-inited", serve_mathjax)
    app.connect("config-inited", fill_numbers)
    app.connect("config-inited", copy_records)
    app.connect("autodoc-process-signature", readable_default)
    app.connect("autodoc-process-docstring", plain_text, priority=900)
    app.connect("autodoc-skip-member", skip_request)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", resolve_links, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
