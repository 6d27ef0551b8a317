"""The little Markdown that studies write, as HTML: headings, paragraphs, tables, lists, quotations, code.

Every text is escaped; what is not understood stands as it is. A full parser would let HTML of a model's answer through.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from html import escape

_SPLIT = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|?(\s*:?-+:?\s*\|)+\s*(:?-+:?)?\s*")
_HEADING = re.compile(r"(#{1,6}) (.+)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def table_cells(text: str) -> list[list[str]]:
    """Cells of the first table of a text, its headings first; empty without one."""
    lines = text.splitlines()
    for number, line in enumerate(lines[:-1]):
        if line.startswith("|") and _RULE.fullmatch(lines[number + 1]):
            return [_cells(one) for one in _table_lines(lines[number:])]
    return []


def to_html(text: str, level: int = 4) -> str:
    """A text as HTML.

    Args:
        text: Markdown.
        level: of its highest headings.
    """
    return "\n".join(_blocks(text.splitlines(), level))


def table_html(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[bool],
    marked: bool = True,
) -> str:
    """A table; texts are escaped, and where they are ``marked`` **bold** and `code` are kept."""
    shown = _inline if marked else escape

    def row(tag: str, cells: Sequence[str]) -> str:
        classes = [' class="number"' if flag else "" for flag in right]
        scope = ' scope="col"' if tag == "th" else ""
        parts = [
            f"<{tag}{scope}{kind}>{shown(cell)}</{tag}>"
            for kind, cell in zip(classes, cells, strict=False)
        ]
        return f"<tr>{''.join(parts)}</tr>"

    body = "\n".join(row("td", cells) for cells in rows)
    return f"<table><thead>{row('th', header)}</thead>\n<tbody>\n{body}\n</tbody></table>"


def _blocks(lines: list[str], level: int) -> Iterator[str]:
    place = 0
    while place < len(lines):
        line = lines[place]
        here = lines[place:]
        if not line.strip():
            place += 1
        elif line.startswith("```"):
            length = next(
                (n for n, one in enumerate(here[1:], 1) if one.startswith("```")), len(here)
            )
            yield f"<pre>{escape(chr(10).join(here[1:length]))}</pre>"
            place += length + 1
        elif line.startswith("|") and len(here) > 1 and _RULE.fullmatch(here[1]):
            found = _table_lines(here)
            right = [cell.strip().endswith("-:") for cell in _cells(here[1])]
            header, *rows = [_cells(one) for one in found]
            yield _region(table_html(header, rows, right))
            place += len(found) + 1
        elif heading := _HEADING.fullmatch(line):
            size = min(6, level + len(heading[1]) - 1)
            yield f"<h{size}>{_inline(heading[2])}</h{size}>"
            place += 1
        elif line.startswith(">"):
            part = _while(here, lambda one: one.startswith(">"))
            yield f"<blockquote>{_inline(' '.join(one.lstrip('> ') for one in part))}</blockquote>"
            place += len(part)
        elif line.startswith(("- ", "* ")):
            part = _while(here, lambda one: one.startswith(("- ", "* ", "  ")))
            yield f"<ul>{''.join(f'<li>{_inline(one)}</li>' for one in _points(part))}</ul>"
            place += len(part)
        else:
            part = [line, *_while(here[1:], _is_prose)]
            yield f"<p>{_inline(' '.join(part))}</p>"
            place += len(part)


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and not line.startswith(("|", "```", "#", ">", "- ", "* "))


def _points(lines: Sequence[str]) -> list[str]:
    points: list[str] = []
    for line in lines:
        if line.startswith(("- ", "* ")):
            points.append(line[2:])
        else:
            points[-1] += f" {line.strip()}"
    return points


def _while(lines: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    found: list[str] = []
    for line in lines:
        if not fits(line):
            break
        found.append(line)
    return found


def _table_lines(lines: Sequence[str]) -> list[str]:
    """Lines of a table without the one below its headings."""
    found = _while(lines, lambda one: one.startswith("|"))
    return [found[0], *found[2:]]


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _SPLIT.split(inner)]


def _inline(text: str) -> str:
    """Escaped text; code and bold as elements."""
    parts, place = [], 0
    for found in _INLINE.finditer(text):
        parts.append(escape(text[place : found.start()]))
        code, bold = found.groups()
        parts.append(f"<code>{escape(code)}</code>" if code else f"<strong>{escape(bold)}</strong>")
        place = found.end()
    return "".join([*parts, escape(text[place:])])


def _region(table: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Table">{table}</div>'
