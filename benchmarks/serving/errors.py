"""What goes wrong while measuring."""


class BenchmarkError(Exception):
    """A stack that cannot be installed, started or asked, or answers wrongly; the message says which and why."""


class TookTooLong(BenchmarkError):
    """A stack that is slower than the measurement waits for."""
