"""Numbers as people read them."""


def figure(value: float, sign: str = "") -> str:
    """Return a number with four decimals, or four digits where it is large."""
    return f"{value:{sign}.4f}" if abs(value) < 10 else f"{value:{sign},.4g}"


def interval(ends: tuple[float, float] | None) -> str:
    """Return between what a number lies."""
    if ends is None:
        return "unknown"
    return " to ".join(f"{end:.3f}" if abs(end) < 10 else f"{end:,.4g}" for end in ends)


def plain(name: str) -> str:
    """Return a metric's name in words."""
    return name.replace("_", " ")
