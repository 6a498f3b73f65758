# type-arg
def first(values: list) -> object:
    """Return the first value."""
    return values[0]
