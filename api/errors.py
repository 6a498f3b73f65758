"""Why there is no prediction, and whose fault that is."""


class RequestRefused(Exception):
    """The request is the caller's to mend: a 4xx status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class EndpointFault(Exception):
    """The request is fine, the answer is not to be had: what failed, and how. The function fails with it, so that it counts as an error."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.detail = detail
