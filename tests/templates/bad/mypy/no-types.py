# no-untyped-def
def doubled(value):
    """Return twice the value."""
    return 2 * value
