"""Finding the model in production."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from model.errors import BuildError
from model.live_run import live_model_uri, schema_of
from model.settings import Settings


class Functions:
    """Lambda with one answer."""

    def __init__(self, answer: dict[str, Any] | str) -> None:
        self.answer, self.asked = answer, {}

    def get_function_configuration(self, **request: Any) -> dict[str, Any]:
        self.asked = request
        if isinstance(self.answer, str):
            raise ClientError({"Error": {"Code": self.answer, "Message": "no"}}, "GetFunctionConfiguration")
        return self.answer


LIVE = {"Environment": {"Variables": {"MODEL_RUN": "former"}}}


def test_the_live_runs_archive_is_found(project: Settings, s3: Any) -> None:
    s3.objects[project.bucket, "runs/former/model/model.tar.gz"] = b"x"
    functions = Functions(LIVE)
    assert live_model_uri(functions, s3, project) == f"s3://{project.bucket}/runs/former/model/model.tar.gz"
    assert functions.asked == {"FunctionName": f"{project.name_prefix}-api", "Qualifier": "live"}


@pytest.mark.parametrize("answer", ["ResourceNotFoundException", {}, LIVE])
def test_there_is_none_before_the_first_release_or_where_it_is_gone(project: Settings, s3: Any, answer: Any) -> None:
    s3.objects[project.bucket, "runs/other/model/model.tar.gz"] = b"x"
    assert live_model_uri(Functions(answer), s3, project) is None


def test_a_right_that_lacks_is_no_first_release(project: Settings, s3: Any) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        live_model_uri(Functions("AccessDeniedException"), s3, project)


def test_an_environment_that_may_not_be_decrypted_is_no_first_release(project: Settings, s3: Any) -> None:
    sealed = {"Environment": {"Error": {"ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt"}}}
    with pytest.raises(BuildError, match="api:live cannot be read: no kms:Decrypt"):
        live_model_uri(Functions(sealed), s3, project)


def test_an_endpoint_leads_to_the_schema_of_its_run(project: Settings, s3: Any) -> None:
    s3.objects[project.bucket, "runs/0123abcd-1/data/schema/schema.json"] = b'{"of": "its own"}'
    s3.objects[project.bucket, "runs/former/data/schema/schema.json"] = b'{"of": "the live one"}'
    for stage, wanted in (("0123abcd-p", "its own"), ("live-p", "the live one")):
        found = schema_of(f"{project.name_prefix}-{stage}", Functions(LIVE), s3, project)
        assert found == {"of": wanted}
    assert schema_of(f"{project.name_prefix}-ffffffff-p", Functions(LIVE), s3, project) is None
    assert schema_of(f"{project.name_prefix}-live-p", Functions("ResourceNotFoundException"), s3, project) is None
