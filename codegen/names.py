"""C identifiers and comment text from untrusted names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

_KEYWORD_TEXT = """
auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
asm typeof main and and_eq bitand bitor bool catch class compl constexpr delete explicit export false friend
mutable namespace new not not_eq nullptr operator or or_eq private protected public template this throw true
try typeid using virtual wchar_t xor xor_eq NULL errno stdin stdout stderr
"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())
# a model of this name would generate a header that hides the standard one, or a file of the firmware
_FILE_NAME_TEXT = """
assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool
stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar unistd wchar wctype
crc32 drivers extensions main mem model port protocol registers session startup
"""
_FILE_NAMES = frozenset(_FILE_NAME_TEXT.split())
_LONGEST = 40  # C11 promises 31 significant characters to linkers; with the model's prefix this stays readable


def identifier(text: str) -> str:
    """A C (and C++) identifier that resembles `text`: never a keyword, never reserved, at most 40 characters.

    Text that had to be cut, or has nothing usable, ends in a hash of the whole, so that distinct names stay distinct.
    """
    cleaned = re.sub(r"[^0-9A-Za-z]+", "_", text).strip("_")
    if not cleaned:
        return f"t_{_digest(text)}"
    if len(cleaned) > _LONGEST:
        cleaned = f"{cleaned[: _LONGEST - 9].rstrip('_')}_{_digest(text)}"
    if cleaned[0].isdigit() or cleaned in _KEYWORDS or f"{cleaned.lower()}_".startswith("tml_"):
        cleaned = f"t_{cleaned}"
    return cleaned


def model_identifier(text: str) -> str:
    """The identifier of a model: also fit for the names of its files."""
    name = identifier(text)
    return f"model_{name}" if name.lower() in _FILE_NAMES else name


def identifiers(texts: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """One identifier per text, all distinct (also without regard to case) and none of `taken`."""
    used = {name.lower() for name in taken}
    names = []
    for text in texts:
        name = base = identifier(text)
        number = 2
        while name.lower() in used:
            name = f"{base}_{number}"
            number += 1
        used.add(name.lower())
        names.append(name)
    return names


def comment(text: str, longest: int = 60) -> str:
    """Text that is safe inside a C comment: printable ASCII that can neither end it, nor nest, nor be a trigraph."""
    cleaned = re.sub(r"[^0-9A-Za-z_.,:;=+()\[\] -]", "_", text.replace("/", "."))
    return cleaned if len(cleaned) <= longest else cleaned[: longest - 3] + "..."


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
