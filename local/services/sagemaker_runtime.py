"""SageMaker's runtime: invocations of endpoints."""

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

from botocore.model import OperationModel

from local.instances import ModelFaultError
from local.service import Call, Response, Service, ServiceError, UnsupportedError

PATH = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"


class SageMakerRuntime(Service):
    """The data plane: raw bodies, values in headers."""

    service_name = "sagemaker-runtime"
    iam_namespace = "sagemaker"
    resources = {"InvokeEndpoint": "endpoint/{EndpointName}"}

    def parse(self, method: str, path: str, headers: dict[str, Any], body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        """Return the operation and its request: name from the path, the rest from headers, the body as it is."""
        match = PATH.match(path)
        if match is None or match[2] != "invocations":
            raise UnsupportedError(f"sagemaker-runtime:{path}")
        operation = self.model.operation_model("InvokeEndpoint")
        request = {name: headers[shape.serialization["name"].lower()]
                   for name, shape in operation.input_shape.members.items()
                   if shape.serialization.get("location") == "header"
                   and shape.serialization["name"].lower() in headers}
        if len(body) > operation.input_shape.members["Body"].metadata["max"]:
            raise ServiceError("ValidationError", "1 validation error detected: Value at 'body' failed to satisfy "
                               "constraint: Member must have length less than or equal to 6291456")
        return operation, request | {"EndpointName": unquote(match[1]), "Body": body}

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the endpoint's ARN in lower case."""
        return super().resource_arn(operation, request | {"EndpointName": request["EndpointName"].lower()})

    def perform(self, operation: OperationModel, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Run the invocation; a fault of the model is an answer with members of its own."""
        try:
            return super().perform(operation, request, call)
        except ModelFaultError as fault:
            return {"fault": fault, "EndpointName": request["EndpointName"]}

    def invoke_endpoint(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Send a request to a model and return its answer."""
        for member in ("TargetModel", "TargetContainerHostname", "InferenceComponentName", "EnableExplanations",
                       "SessionId"):
            if member in request:
                raise UnsupportedError(f"InvokeEndpoint with {member}")
        assert self.machine.hosting is not None  # SageMaker's setup sets it
        endpoint = self.machine.hosting.serving(request["EndpointName"])
        event = {name: value for name, value in (("inferenceId", request.get("InferenceId")), (
            "customAttributes", [request["CustomAttributes"]] if "CustomAttributes" in request else None)) if value}
        variant, headers, answer = endpoint.invoke(request["Body"], {
            "Content-Type": request.get("ContentType", "application/json"), "Accept": request.get("Accept", ""),
            CUSTOM: request.get("CustomAttributes", "")}, request.get("TargetVariant"), event)
        return {"Body": answer, "ContentType": headers.get("Content-Type"), "InvokedProductionVariant": variant,
                "CustomAttributes": headers.get(CUSTOM)}

    def respond(self, operation: OperationModel, result: dict[str, Any]) -> Response:
        """Return the model's body as it is, what SageMaker passes on as headers, or its ModelError."""
        if "fault" in result:
            return self._model_error(result["EndpointName"], result["fault"])
        members = operation.output_shape.members
        headers = {members[name].serialization["name"]: value for name, value in result.items() if name != "Body"}
        return 200, headers, base64.b64decode(result["Body"])  # the base class has put it into JSON's form

    def _model_error(self, endpoint: str, fault: ModelFaultError) -> Response:
        side = "client" if 400 <= fault.status < 500 else "server"
        group = self.machine.arn("logs", f"log-group:/aws/sagemaker/Endpoints/{endpoint}")
        body = {"ErrorCode": f"{'CLIENT' if side == 'client' else 'SERVER'}_ERROR_FROM_MODEL", "LogStreamArn": group,
                "Message": f'Received {side} error ({fault.status}) from primary with message "{fault.message}". '
                           f"See the log group /aws/sagemaker/Endpoints/{endpoint} in account "
                           f"{self.machine.account_id} for more information.",
                "OriginalMessage": fault.message, "OriginalStatusCode": fault.status}
        return 424, {"Content-Type": "application/json", "x-amzn-errortype": "ModelError"}, json.dumps(body).encode()

    def _error(self, code: str, message: str, status: int) -> Response:
        code = code.replace("ValidationException", "ValidationError")
        return super()._error(code, message, status)
