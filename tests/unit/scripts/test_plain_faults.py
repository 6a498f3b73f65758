"""What a newcomer is told: one sentence, and what to do next."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError

from narration import DemoError
from plain_faults import EXPECTED, NotReady, sentence

HERE = "http://127.0.0.1:4566"


def refusal(code: str, message: str = "why not") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeProject")


@pytest.fixture
def on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", HERE)


def test_a_local_aws_that_is_down_is_named_with_how_to_start_it(local: None) -> None:
    told = sentence(EndpointConnectionError(endpoint_url=HERE))
    assert told.startswith(f"Nothing answers at {HERE}.") and "bash scripts/demo.sh --keep" in told and "unset AWS_ENDPOINT_URL" in told


def test_without_a_local_aws_it_is_the_connection(on_aws: None) -> None:
    assert "demo.sh" not in sentence(EndpointConnectionError(endpoint_url="https://sts"))


@pytest.mark.parametrize(("error", "words"), [
    (NoCredentialsError(), ("no credentials", "aws configure", "AWS_ACCESS_KEY_ID=test")),
    (NoRegionError(), ("no region", "AWS_DEFAULT_REGION")),
    (refusal("InvalidClientTokenId"), ("does not know these credentials", "aws configure")),
    (refusal("ExpiredTokenException"), ("have expired", "restart Jupyter")),
    (refusal("AccessDeniedException"), ("rights do not suffice for DescribeProject", "why not", "administers")),
    (refusal("ThrottlingException"), ("DescribeProject was refused", "why not")),
    (NotReady("There is no project."), ("There is no project.",)),
    (DemoError("run 1 is Failed"), ("run 1 is Failed",))])
def test_each_likely_fault_has_its_sentence(error: Exception, words: tuple[str, ...]) -> None:
    told = sentence(error)
    assert [word for word in words if word not in told] == []
    assert "\n" not in told
    assert isinstance(error, EXPECTED)


def test_an_unlikely_one_keeps_its_name() -> None:
    assert sentence(ZeroDivisionError("division by zero")) == "ZeroDivisionError: division by zero"
    assert not isinstance(ZeroDivisionError(), EXPECTED)
