"""What went wrong, in one sentence: what, whose rights or which service, and what next."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)


class Refused(Exception):
    """What a person asked for cannot be done or shown; the message is the sentence to show."""


KEYS = "Check the access key and secret in the environment or profile that started the console, then start it again."
ANEW = "Log in again (aws sso login, or new keys), then start the console again."
AGAIN = "It is tried again."
BY_CODE = {
    "InvalidClientTokenId": f"AWS does not know these credentials. {KEYS}",
    "UnrecognizedClientException": f"AWS does not know these credentials. {KEYS}",
    "InvalidAccessKeyId": f"AWS does not know these credentials. {KEYS}",
    "AuthFailure": f"AWS does not accept these credentials. {KEYS}",
    "SignatureDoesNotMatch": f"The secret does not belong to the access key. {KEYS}",
    "IncompleteSignature": f"The credentials are incomplete. {KEYS}",
    "MissingAuthenticationToken": f"The request had no credentials. {KEYS}",
    "ExpiredToken": f"The session's credentials have expired. {ANEW}",
    "ExpiredTokenException": f"The session's credentials have expired. {ANEW}",
    "RequestExpired": "AWS refuses the request as too old: this machine's clock is wrong, or the session has expired.",
    "OptInRequired": "The account may not use this service in this region. Choose another region (AWS_DEFAULT_REGION), then start the console again.",
    "PipelineNotFoundException": "The project's pipeline is gone: the project is being deleted, or was deleted. The list of projects says which there are.",
    "PipelineExecutionNotFoundException":
        "There is no such run, or AWS has forgotten it, as it does after twelve months. Project, above, lists those that there are.",
    "PipelineExecutionNotStoppableException": "This run has ended meanwhile, so there is nothing to stop.",
    "DuplicatedStopRequestException": "Somebody has stopped this run already; it ends with the actions that are under way.",
    "StageNotRetryableException": "This stage cannot be retried: it has not failed, or the pipeline has changed since. Start a new run instead.",
    "NotLatestPipelineExecutionException": "A newer run has passed this stage, so the older one cannot be retried. Start a new run instead.",
    "ConcurrentPipelineExecutionsLimitExceededException": "The pipeline has as many runs as it may. Wait until one ends, then try again.",
    "ApprovalAlreadyCompletedException": "Somebody has answered already. The run goes on with that answer.",
    "InvalidApprovalTokenException": "The question was answered or asked anew meanwhile. Look at the numbers again, then answer.",
    "InvalidToken": "The address names no place in this list. Choose the view above: it begins with the newest.",
    "ExecutionDoesNotExist": "There is no such execution of the workflow, or AWS has forgotten it, as it does after 90 days.",
    "NoSuchBucket": "The project's bucket is gone: the project was deleted, with its files.",
    "NoSuchKey": "The file is not there: the run has not written it yet, or it was cleaned up.",
}
ABSENT = ("does not exist", "could not find", "not found", "pipelineexecutionid")  # in a validation's message: the last is an id that cannot be one
THROTTLED = {"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown",
             "ProvisionedThroughputExceededException", "TransactionInProgressException"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "AuthorizationErrorException", "Forbidden", "403"}
BY_TYPE: list[tuple[type[Exception], str]] = [  # the first that fits
    (NoCredentialsError, "There are no AWS credentials. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, then start the console again."),
    (PartialCredentialsError, f"The AWS credentials are incomplete. {KEYS}"),
    (ProfileNotFound, "The AWS profile does not exist. Check AWS_PROFILE and the file ~/.aws/config, then start the console again."),
    (ConfigNotFound, "The AWS configuration file does not exist. Check AWS_CONFIG_FILE, then start the console again."),
    (NoRegionError, "No AWS region is set. Set AWS_DEFAULT_REGION or the profile's region, then start the console again."),
    (InvalidRegionError, "The AWS region's name is not one. Check AWS_DEFAULT_REGION, then start the console again."),
    (SSOError, f"The login has ended. {ANEW}"),
    (TokenRetrievalError, f"The login has ended. {ANEW}"),
]


def sentence(error: Exception, again: str = AGAIN) -> str:
    """Return what a person is told of an error; ``again`` is said of what may pass."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, ClientError):
        return _answered(error, again)
    if isinstance(error, HTTPClientError | EndpointConnectionError | ConnectTimeoutError | ReadTimeoutError):
        return _unreachable(error, again)
    for kind, text in BY_TYPE:
        if isinstance(error, kind):
            return text
    if isinstance(error, BotoCoreError):
        return f"AWS could not be asked: {_one_line(str(error))}"
    return f"The console has failed here ({type(error).__name__}: {_one_line(str(error))}). Its terminal says where; the other views go on."


def denied(error: Exception) -> bool:
    """Return whether rights are what is missing."""
    return isinstance(error, ClientError) and _code(error) in DENIED


def gone(error: Exception) -> bool:
    """Return whether what was asked for is not there."""
    if not isinstance(error, ClientError):
        return False
    said = error.response["Error"].get("Message", "").lower()
    named = "notfound" in _code(error).lower().replace("_", "") or _code(error).endswith("DoesNotExist")
    return named or _code(error) in ("NoSuchKey", "NoSuchBucket", "404") or (
        _code(error) in ("ValidationError", "ValidationException") and any(word in said for word in ABSENT))


def _answered(error: ClientError, again: str) -> str:
    code, said = _code(error), _one_line(error.response["Error"].get("Message", ""))
    if code in DENIED:
        return f"Access denied: {said or error.operation_name}. Ask who manages the account for the right to {error.operation_name}."
    if code in THROTTLED:
        return f"AWS asks to be asked less often ({error.operation_name}). {again}"
    if code in BY_CODE:
        return BY_CODE[code]
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400) >= 500:
        return f"AWS has a fault of its own ({error.operation_name}: {said or code}). {again}"
    return f"AWS refused {error.operation_name}: {said or code}"


def _unreachable(error: Exception, again: str) -> str:
    address = getattr(error, "kwargs", {}).get("endpoint_url", "AWS")
    late = isinstance(error, ReadTimeoutError)
    what = "does not answer in time" if late else "cannot be reached"
    return f"{address} {what}. Check the network and AWS_ENDPOINT_URL; on one machine: is the local AWS running? {again}"


def _code(error: ClientError) -> str:
    return str(error.response["Error"].get("Code", ""))


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
