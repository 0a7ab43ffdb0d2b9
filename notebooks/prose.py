"""Numbers typed into prose: a result must arrive from a record or a claim, by `{{ name }}` or an output.

The text is read by the site's own Markdown parser, so that what counts as prose here is what a reader
sees as prose there: directives' bodies, tables and captions too, code and formulae not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

LARGEST = 12  # ten digits, three scales; a greater number needs a record, or backticks as a setting
SYNTAX = {
    *("amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist"),
    "substitution",
}
CODE = {"bibliography", "code", "code-block", "code-cell", "eval-rst", "literalinclude", "math"}
OPTION = re.compile(r"^:([\w-]+):[ \t]*(.*)$", re.MULTILINE)
TOLD = {"alt", "caption", "header"}  # options that a reader sees
TAG = re.compile(r"<[^>]+>")

# What may stand in prose as digits, and why it is no result.
PLACE = (
    r"(?:Alg|Algorithm|App|Appendix|Chapter|Departure|Eq|Equation|Fig|Figure|Lemma|Line|Phase|Proposition"
    r"|Sec|Section|Step|Tab|Table|Theorem|p|page|pp)s?\b\.?"
)
MARK = r"\(?[A-Z]?\.?\d+(?:\.\d+)*[a-z]?\)?"
AND = r"\s*(?:[,–-]|\band\b|\bto\b|\bor\b)"
ALLOWED = {
    "a place in a paper": rf"(?i:\b{PLACE})\s*{MARK}(?:(?:{AND})+\s*{MARK})*",
    "a section": rf"§\s*{MARK}",
    "a version": rf"\b(?:Python|version|v)\s?\d+(?:\.\d+)*(?:(?:{AND})+\s\d+\.\d+)*|\b\d+\.\d+\.\d+\b",
    "a year": r"\b(?:19|20)\d\d\b(?![.,]\d)",
    "an identifier": r"\b(?:arXiv|doi):\S+",
    "a name with a number": r"\b[A-Za-z]+[\w-]*-\d+[A-Za-z]?\b",
    "an image's size": r"\b\d+\s?[×x]\s?\d+(?:\s?[×x]\s?\d+)*\b",
}
NUMERAL = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
)
RESULT = {
    "a decimal": r"(?<![\w.])\d[\d,]*\.\d+",
    "a share or a gain": r"\d\s?(?:%|per ?cent\b|(?:percentage )?points?\b|×|times\b|-?fold\b|x\b)",
    "a share in words": rf"(?i:\b{NUMERAL})[ -](?:per ?cent|percentage points?)\b",
    "a score": r"\b(?:ACC|NMI|ARI)\s(?:of\s|is\s|at\s|=\s?)?\d",
}
INTEGER = re.compile(r"(?<![\w.,])\d[\d,]*(?![\w.]*\d)")


def typed_results(text: str) -> Iterator[str]:
    """What looks like a result in a page's Markdown, one line each."""
    for piece in prose(text):
        yield from results_in(piece)


def results_in(piece: str) -> Iterator[str]:
    """What looks like a result in a piece of plain prose."""
    rest = piece
    for pattern in ALLOWED.values():
        rest = re.sub(pattern, " … ", rest)
    for kind, pattern in RESULT.items():
        for found in re.finditer(pattern, rest):
            around = rest[max(0, found.start() - 30) : found.end() + 10].strip()
            yield f"{kind} typed in: {around!r}"
        rest = re.sub(pattern, " … ", rest)
    for found in INTEGER.finditer(rest):
        if int(found.group().rstrip(",").replace(",", "")) > LARGEST:
            around = rest[max(0, found.start() - 30) : found.end() + 10].strip()
            yield f"a number above {LARGEST} typed in: {around!r}"


def prose(text: str) -> Iterator[str]:
    """The pieces of a page's Markdown that a reader reads as sentences."""
    for token in _parser().parse(text, {}):
        if token.type == "inline":
            yield _plain(token)
        elif token.type in ("fence", "colon_fence") and token.info.startswith("{"):
            yield from _directive(token.info, token.content)
        elif token.type == "html_block":
            yield TAG.sub(" ", token.content)
        elif token.type == "front_matter":
            yield from _description(token.content)


@cache
def _parser() -> MarkdownIt:
    return create_md_parser(MdParserConfig(enable_extensions=SYNTAX), RendererHTML)


def _plain(token: Token) -> str:
    """Its text; code, formulae, roles and substitutions leave a gap."""
    words = {"text": None, "image": None, "softbreak": " ", "hardbreak": " "}
    parts = []
    for child in token.children or []:
        if child.type in words:
            parts.append(words[child.type] or child.content)
        elif not child.type.endswith(("_open", "_close")):
            parts.append(" … ")
    return "".join(parts)


def _directive(info: str, content: str) -> Iterator[str]:
    name, _, argument = info[1:].partition("}")
    yield from (value for option, value in OPTION.findall(content) if option in TOLD)
    if name in CODE:
        return
    if " " in argument.strip():  # a title; a path has no blanks
        yield argument
    yield from prose(OPTION.sub("", content))


def _description(header: str) -> Iterator[str]:
    """What search engines show of the page."""
    about = (yaml.safe_load(header) or {}).get("myst", {}).get("html_meta", {})
    yield from (str(value) for value in about.values())
