"""What only a published site has: buttons that open a page elsewhere, and each notebook's source."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config


def offer_what_there_is(app: Sphinx, config: Config) -> None:
    """Launch and repository buttons once somebody says where the project is.

    That is `repository.url` in _config.yml, or `RECLUSTER_REPOSITORY`, by which a published copy leads
    to itself wherever it is published from.
    """
    options = dict(config.html_theme_options)
    address = options.get("repository_url") or os.environ.get("RECLUSTER_REPOSITORY")
    if address:
        options |= {"repository_url": address, "use_repository_button": True}
    else:
        options.pop("launch_buttons", None)  # the theme cannot make them without an address
    config.html_theme_options = options


def source_of(app: Sphinx, page: str) -> Path | None:
    """The percent-format source of a page, if the page is a notebook."""
    source = Path(app.srcdir).resolve().parent / f"{page}.py"
    return source if source.is_file() else None


def offer_source(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """A notebook's source in the menu of downloads, beside its `.ipynb`, which the theme offers."""
    source = source_of(app, page)
    if source is None:
        return
    target = Path(app.outdir) / "_sources" / f"{page}.py"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    for menu in context["header_buttons"]:
        if menu["label"] == "download-buttons":
            button = {
                "type": "link",
                "url": f"{context['pathto']('_sources', 1)}/{page}.py",
                "text": ".py",
                "tooltip": "Download the notebook's source",
                "icon": "fas fa-code",
                "label": "download-python-button",
            }
            menu["buttons"].insert(1, button)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above; Sphinx calls this. The buttons come after the theme's own."""
    app.connect("config-inited", offer_what_there_is)
    app.connect("html-page-context", offer_source, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
