"""Columns of text that are numbers to a person: with thousands separators, units, or a few words among them."""

import re
from collections.abc import Iterable

from container.errors import Refused

NUMBER = re.compile(r"[-+]?\s?[$€£¥]?\s?(\d+|\d{1,3}([,.' ]\d{3})+|(?=[.,]\d))([.,]\d+)?(e[-+]?\d+)?\s?[%$€£¥]?", re.IGNORECASE)
# Fewer are codes, whatever they look like.
FEWEST, SHARE = 20, 0.9


def refuse_numbers(texts: Iterable[str], name: str) -> None:
    """Refuse a column's different texts when nearly all of them are numbers; as categories they would teach little."""
    found = list(texts)
    numbers = sum(NUMBER.fullmatch(text) is not None for text in found)
    if numbers <= FEWEST or numbers < SHARE * len(found):
        return
    odd = next((text for text in found if not _is_plain(text)), found[0])
    raise Refused(
        f"column {name} holds numbers, but {odd!r} is none; write plain numbers such as 1234.5 and leave a cell without one empty, "
        "or declare the column categorical under problem.columns"
    )


def _is_plain(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
