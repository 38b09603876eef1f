"""Markdown as a reader sees it, and texts that try to be more than text."""

from __future__ import annotations

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from registry.errors import one_line

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PIECES = (
    *"`*_{}[]()#|~$<>&\\!-+=:.\"' \n\t",
    *("\n\n", "---", "===", ":-:", "| --- |", "1. ", "- ", "> ", "```", "~~~", "    ", "&amp;", "<!--", "-->", "<b>"),
    *("![x](https://example.org/x.png)", "<https://example.org>", "[x]: y", "{{ 7 * 7 }}", "{% raw %}", "\\\\(x\\\\)"),
    *("$$x$$", "<!-- replicard:keep -->", "text", "é", "二", "\u202e", "\x1b[31m", "\u2028"),
)
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30)


def shown(tokens: list[Token]) -> str:
    """What a reader sees, white space apart."""
    words: list[str] = []
    for token in tokens:
        words.append(shown(token.children) if token.children else token.content)
        if token.type in ("softbreak", "hardbreak"):
            words.append(" ")
    return "".join("".join(words).split())


def plain(text: str) -> str:
    """What it should be: the text, with what does not show written out, and white space apart."""
    return "".join(one_line(" ".join(text.split())).split())


def kinds(tokens: list[Token]) -> set[str]:
    return {token.type for token in tokens} | {kind for t in tokens if t.children for kind in kinds(t.children)}
