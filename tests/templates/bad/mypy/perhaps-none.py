# union-attr
import re


def word(text: str) -> str:
    """Return the first word."""
    return re.match(r"\w+", text).group()
