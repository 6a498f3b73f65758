"""The base class of our AWS services: everything but the meaning of an operation.

From botocore's service model it decodes and validates a request, asks IAM, dispatches to the method of the
operation's name, pages and shapes the result, and turns exceptions into AWS's error bodies.
"""

import asyncio
import base64
import json
import logging
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.validate import ParamValidator

from local.authorization import authorize, authorize_pass_role
from local.machine import AccessDeniedError, Credentials, Machine, NotAuthenticatedError

logger = logging.getLogger("local")
Response = tuple[int, dict[str, str], bytes]
SOURCE_ARN = "x-amz-source-arn"  # the header in which a service names what it calls for
VERBS = re.compile(r"(Create|Describe|Get|Update|Delete|Stop|Start|Put|List|Batch)")


class ServiceError(Exception):
    """An error that the API answers: AWS's code, a message, the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class UnsupportedError(ServiceError):
    """Something that AWS does and this machine does not: said by name, at once."""

    def __init__(self, what: str) -> None:
        super().__init__("UnsupportedOperation", f"{what} is not available on this machine; see local/README.md.", 501)


@dataclass(frozen=True)
class Call:
    """Who calls: the access key behind a request, able to act and to be asked for rights."""

    machine: Machine
    access_key: str
    source_arn: str = ""  # of the resource for which a service calls

    def authorize(self, action: str, resource: str = "*", context: dict[str, Any] | None = None) -> None:
        """Raise AccessDeniedError unless the caller may do ``action`` on ``resource``."""
        authorize(self.machine, self.access_key, action, resource, context)

    @property
    def credentials(self) -> Credentials:
        """The caller's own credentials, to act on its behalf."""
        from ministack.core.iam_evaluator import resolve_credential

        found: Any = resolve_credential(self.access_key, self.machine.account_id)
        return Credentials(found.access_key_id, found.secret_access_key, found.session_token)

    @property
    def principal(self) -> str:
        """The ARN of the caller."""
        from ministack.core.iam_evaluator import resolve_credential

        found: Any = resolve_credential(self.access_key, self.machine.account_id)
        return str(found.principal_arn)


class Service:
    """One AWS service. Subclasses name it and give one method for each operation they support."""

    service_name: str  # botocore's name
    iam_namespace: str = ""  # where it differs from the service's name
    resources: dict[str, str] = {}  # an operation or its noun -> the resource part of the ARN, from the request
    pass_roles: dict[str, tuple[str, ...]] = {}  # operation -> the request members that hold a role
    role_principal: str = ""  # the service principal that takes those roles
    waits_for_stacks: bool = False  # its setup comes after interrupted stacks have ended
    tag_action: str = ""  # the action that a create with tags needs, too

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def setup(self) -> None:
        """Settle what a former run left interrupted; called once, when the endpoint answers."""

    def stop(self) -> None:
        """End what the service has running; called once at shutdown."""

    @cached_property
    def model(self) -> ServiceModel:
        """botocore's model of the service."""
        return self.machine.botocore.get_service_model(self.service_name)

    @cached_property
    def _pages(self) -> dict[str, dict[str, Any]]:
        loader = self.machine.botocore.get_component("data_loader")
        pages: dict[str, dict[str, Any]] = loader.load_service_model(self.service_name, "paginators-1")["pagination"]
        return pages

    @property
    def namespace(self) -> str:
        """The prefix of the service's IAM actions."""
        return self.iam_namespace or self.service_name

    # The ASGI side

    async def handle_request(self, method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Response:
        """Answer one HTTP request; operations run on a thread, so they may block."""
        from ministack.core.router import extract_access_key_id

        call = Call(self.machine, extract_access_key_id(headers, query), headers.get(SOURCE_ARN, ""))
        return await asyncio.to_thread(self._answer, call, method, path, headers, body)

    def _answer(self, call: Call, method: str, path: str, headers: dict[str, Any], body: bytes) -> Response:
        try:
            operation, request = self.parse(method, path, headers, body)
            return self.respond(operation, self.perform(operation, request, call))
        except ServiceError as error:
            return self._error(error.code, str(error), error.status)
        except NotAuthenticatedError as error:
            from ministack.core.iam_actions import access_denied_response

            denied: Response = access_denied_response(
                self.service_name, "", "", "", error_code=error.code, message=str(error), headers=headers)
            return denied
        except AccessDeniedError as error:
            return self._error("AccessDeniedException", str(error), 400)
        except Exception as error:
            logger.exception("%s %s", self.service_name, headers.get("x-amz-target", path))
            return self._error("InternalFailure", f"{type(error).__name__}: {error}", 500)

    def parse(self, method: str, path: str, headers: dict[str, Any], body: bytes) -> tuple[OperationModel, dict[str, Any]]:
        """Return the operation and its request (JSON protocol; others override this)."""
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        if name not in self.model.operation_names:
            raise ServiceError("UnknownOperationException", f"{self.service_name} has no operation {name!r}", 404)
        operation = self.model.operation_model(name)
        return operation, decode(operation.input_shape, json.loads(body or b"{}"))

    def respond(self, operation: OperationModel, result: dict[str, Any]) -> Response:
        """Return the HTTP answer of a result (JSON protocol; others override this)."""
        version = self.model.metadata.get("jsonVersion", "1.1")
        return 200, {"Content-Type": f"application/x-amz-json-{version}"}, json.dumps(result).encode()

    def _error(self, code: str, message: str, status: int) -> Response:
        body = json.dumps({"__type": code, "message": message}).encode()
        return status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}, body

    # The operation

    def perform(self, operation: OperationModel, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Validate, authorize, run and page one operation."""
        method = getattr(self, xform_name(operation.name), None)
        if method is None:
            raise UnsupportedError(f"{self.service_name}:{operation.name}")
        validate(operation, request)
        self.authorize(operation, request, call)
        result = method(request, call) or {}
        page = self._pages.get(operation.name)
        result = paginate(result, request, page) if page else result
        return encode(operation.output_shape, result) if operation.output_shape else {}

    def authorize(self, operation: OperationModel, request: dict[str, Any], call: Call) -> None:
        """Ask IAM for the operation, for the roles it passes and for the tags it sets."""
        resource = self.resource_arn(operation.name, request)
        context = tag_context(request)
        call.authorize(f"{self.namespace}:{operation.name}", resource, context)
        for member in self.pass_roles.get(operation.name, ()):
            if role := value_at(request, member):
                authorize_pass_role(self.machine, call.access_key, role, self.role_principal)
        if self.tag_action and context and operation.name.startswith("Create"):
            call.authorize(f"{self.namespace}:{self.tag_action}", resource, context)

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the ARN that the operation acts on, ``*`` where the service has no resource level for it."""
        template = self.resources.get(operation) or self.resources.get(VERBS.sub("", operation, count=1))
        if template is None:
            return "*"
        if template.startswith("="):  # the request holds the whole ARN
            return str(value_at(request, template[1:]) or "*")
        names = [name for _, name, _, _ in string.Formatter().parse(template) if name]
        return self.machine.arn(self.namespace, template.format(**{name: request.get(name, "*") for name in names}))


def value_at(document: dict[str, Any], path: str) -> Any:
    """Return the value at a dotted path, None where a part is missing."""
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def tag_context(request: dict[str, Any]) -> dict[str, Any]:
    """Return IAM's condition keys for the tags of a request."""
    tags = request.get("Tags") or request.get("tags") or []
    pairs = list(tags.items()) if isinstance(tags, dict) else [
        (tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value"))) for tag in tags if isinstance(tag, dict)]
    if not pairs:
        return {}
    return {f"aws:requesttag/{key}".lower(): value for key, value in pairs} | {"aws:tagkeys": [key for key, _ in pairs]}


def validate(operation: OperationModel, request: dict[str, Any]) -> None:
    """Raise ValidationException for what the model forbids: types, required, ranges, patterns, enumerations."""
    if operation.input_shape is None:
        return
    report = ParamValidator().validate(request, operation.input_shape)
    problems = [report.generate_report()] if report.has_errors() else list(violations(operation.input_shape, request))
    if problems:
        raise ServiceError("ValidationException", f"{len(problems)} validation error"
                           f"{'s' if len(problems) > 1 else ''} detected: {'; '.join(problems)}")


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """Yield what botocore's own validator leaves out: patterns, enumerations and maxima."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from violations(shape.members[name], member, f"{path}.{name}".lstrip("."))
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from violations(shape.member, item, f"{path}.{index + 1}.member")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from violations(shape.value, item, f"{path}.{key}")
    else:
        yield from _scalar_violations(shape, value, path)


def _scalar_violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    start = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must "
    if isinstance(value, str):
        if "enum" in rules and value not in rules["enum"]:
            yield f"{start}satisfy enum value set: [{', '.join(rules['enum'])}]"
        if "pattern" in rules and not _matches(rules["pattern"], value):
            yield f"{start}satisfy regular expression pattern: {rules['pattern']}"
        if len(value) > rules.get("max", len(value)):
            yield f"{start}have length less than or equal to {rules['max']}"
    elif isinstance(value, int) and value > rules.get("max", value):
        yield f"{start}have value less than or equal to {rules['max']}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # a few models hold Java's pattern syntax
        return True


def decode(shape: Shape, value: Any) -> Any:
    """Return a JSON request as Python values; members that the model does not know are dropped."""
    if value is None or shape is None:
        return {} if shape is None else None
    if shape.type_name == "structure" and isinstance(value, dict):
        return {name: decode(shape.members[name], item) for name, item in value.items()
                if name in shape.members and item is not None}
    if shape.type_name == "list" and isinstance(value, list):
        return [decode(shape.member, item) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: decode(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return value


def encode(shape: Shape, value: Any) -> Any:
    """Return a result as JSON values in the model's shape; what the model does not know stays inside."""
    if shape.type_name == "structure":
        return {name: encode(shape.members[name], item) for name, item in value.items()
                if name in shape.members and item is not None}
    if shape.type_name == "list":
        return [encode(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: encode(shape.value, item) for key, item in value.items()}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def paginate(result: dict[str, Any], request: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    """Cut a full result to the page that the request asks for; the token is the next index."""
    keys = page["result_key"] if isinstance(page["result_key"], list) else [page["result_key"]]
    token, limit = page["input_token"], request.get(page.get("limit_key", ""), 100)
    if not isinstance(token, str) or "." in keys[0]:
        return result
    try:
        start = int(request.get(token) or 0)
    except ValueError:
        raise ServiceError("ValidationException", f"{token} is not a token of this machine") from None
    items = result.get(keys[0], [])
    cut = result | {keys[0]: items[start:start + limit]}
    return cut | ({page["output_token"]: str(start + limit)} if start + limit < len(items) else {})
