"""Each fault is one sentence that says what is wrong and what next."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
)

from console.faults import BY_CODE, Refused, denied, gone, sentence


def answered(code: str, message: str = "as AWS says it.", status: int = 400, operation: str = "GetPipelineState") -> ClientError:
    """Return an error as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("error, said", [
    (NoCredentialsError(), "There are no AWS credentials. Set AWS_ACCESS_KEY_ID"),
    (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "The AWS credentials are incomplete."),
    (NoRegionError(), "No AWS region is set. Set AWS_DEFAULT_REGION"),
    (ProfileNotFound(profile="x"), "The AWS profile does not exist. Check AWS_PROFILE"),
    (EndpointConnectionError(endpoint_url="http://127.0.0.1:4566/"), "http://127.0.0.1:4566/ cannot be reached. Check the network and AWS_ENDPOINT_URL"),
    (ConnectTimeoutError(endpoint_url="http://127.0.0.1:4566/"), "http://127.0.0.1:4566/ cannot be reached."),
    (ReadTimeoutError(endpoint_url="http://127.0.0.1:4566/"), "http://127.0.0.1:4566/ does not answer in time."),
    (answered("InvalidClientTokenId"), "AWS does not know these credentials. Check the access key"),
    (answered("SignatureDoesNotMatch"), "The secret does not belong to the access key."),
    (answered("ExpiredTokenException"), "The session's credentials have expired. Log in again"),
    (answered("PipelineNotFoundException"), "The project's pipeline is gone"),
    (answered("ThrottlingException"), "AWS asks to be asked less often (GetPipelineState). It is tried again."),
    (answered("InternalFailure", status=500), "AWS has a fault of its own (GetPipelineState: as AWS says it). It is tried again."),
    (answered("SomethingNew"), "AWS refused GetPipelineState: as AWS says it"),
    (Refused("There is no project x."), "There is no project x."),
    (KeyError("status"), "The console has failed here (KeyError: 'status')."),
])
def test_a_fault_is_told_in_one_sentence_with_what_next(error: Exception, said: str) -> None:
    assert sentence(error).startswith(said)
    assert "\n" not in sentence(error)


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_missing_right_is_shown_as_what_it_is(code: str) -> None:
    error = answered(code, "User: reader is not authorized to perform: codepipeline:PutApprovalResult", operation="PutApprovalResult")
    assert denied(error)
    assert sentence(error) == ("Access denied: User: reader is not authorized to perform: codepipeline:PutApprovalResult. "
                               "Ask who manages the account for the right to PutApprovalResult.")


def test_what_is_gone_is_told_from_what_is_wrong() -> None:
    assert gone(answered("ResourceNotFoundException"))
    assert gone(answered("ValidationError", "Stack with id x does not exist"))
    assert gone(answered("ValidationException", "Could not find endpoint"))
    assert not gone(answered("ValidationException", "2 validation errors detected"))
    assert not gone(answered("AccessDenied"))
    assert not gone(NoRegionError())


def test_every_sentence_of_the_table_ends() -> None:
    assert [text for text in BY_CODE.values() if not text.endswith(".")] == []
