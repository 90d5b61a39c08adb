"""Long lines of C, broken as a person would break them."""

from __future__ import annotations

from collections.abc import Iterator

WIDTH = 118


def wrapped(text: str, indent: str = "") -> list[str]:
    """The lines of a call or an initializer, indented: broken after commas, the rest hanging under its first argument.

    Where an argument is too long to hang there, the arguments start on a line of their own. Nothing else is broken: a
    line may stay longer than WIDTH.
    """
    if len(indent + text) <= WIDTH:
        return [indent + text]
    opening = min((text.index(bracket) for bracket in "({" if bracket in text), default=-1) + 1
    head, pieces = text[:opening], text[opening:].split(", ")
    hang = indent + " " * opening
    if len(hang) + max(map(len, pieces)) < WIDTH:
        return list(_filled(indent + head, hang, pieces))
    return [indent + head, *_filled(f"{indent}    ", f"{indent}    ", pieces)]


def _filled(line: str, hang: str, pieces: list[str]) -> Iterator[str]:
    """Pieces and the commas between them, as many a line as fit."""
    empty = True
    for piece in [*(f"{piece}," for piece in pieces[:-1]), pieces[-1]]:
        spaced = piece if empty else f" {piece}"
        if not empty and len(line) + len(spaced) > WIDTH:
            yield line
            line, spaced = hang, piece
        line, empty = line + spaced, False
    yield line
