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
