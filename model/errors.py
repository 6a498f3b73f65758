"""The one error that ends a build with a sentence instead of a traceback."""


class BuildError(Exception):
    """What the user gave cannot be built; the message says where, what, and what is allowed."""
