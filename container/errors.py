"""What the programs refuse, each with a message for the person who can change it."""


class Refused(Exception):
    """The input cannot be used; the message says where, what and what to do."""


class Misused(Exception):
    """The program was called with arguments that it does not know."""


class CellRefused(Refused):
    """One cell cannot be read; row counts from 1, after the header."""

    def __init__(self, row: int, column: str, reason: str) -> None:
        super().__init__(f"row {row}, column {column}: {reason}")
        self.row, self.column, self.reason = row, column, reason


class FileRefused(Refused):
    """What is refused in a file, with the file's name in the message."""


class UnsupportedType(Exception):
    """The body is of a type, or written in a way, that has no reader; the message names those that have one."""


class NotAcceptable(Exception):
    """No reply can be written in the way that was asked for; the message names the ways there are."""


class TooLarge(Exception):
    """The body is larger than the server takes, as it came or unpacked."""

    def __init__(self, largest: int) -> None:
        super().__init__(f"the body is larger than {largest} bytes; send fewer rows a request")


class TooSlow(Exception):
    """The client did not send what it announced in time."""
