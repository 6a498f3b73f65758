"""What a caller is told when there is no prediction."""


class RequestRefused(Exception):
    """The request is the caller's to mend: a 4xx status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class EndpointFault(Exception):
    """The request is fine, the answer is not to be had: 502 or 503, and the detail for the log only."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.status = status
        self.detail = detail
