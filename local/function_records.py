"""Lambda's records of functions and aliases: what ministack's API and CloudFormation types let pass or leave out."""

import functools
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from local.authorization import authorize
from local.engines.registry import ImageNotFoundError, Reference
from local.machine import AccessDeniedError, Machine

_LAMBDA = "ministack.services.lambda_svc"
SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.core.responses", "error_response_json"),
    ("ministack.core.responses", "json_response"),
    ("ministack.services.cloudformation.provisioners", "_RESOURCE_HANDLERS"),
    ("ministack.services.ecr", "_find_image"),
    (_LAMBDA, "_build_config"),
    (_LAMBDA, "_create_alias"),
    (_LAMBDA, "_create_function"),
    (_LAMBDA, "_func_arn"),
    (_LAMBDA, "_functions"),
    (_LAMBDA, "_get_func_record_for_ref"),
    (_LAMBDA, "_get_function"),
    (_LAMBDA, "_update_alias"),
    (_LAMBDA, "_update_code"),
    (_LAMBDA, "_vpc_config_with_id"),
    (_LAMBDA, "invalidate_worker"),
)
PRINCIPAL = "lambda.amazonaws.com"
NETWORK_ACTIONS = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface", "DescribeSubnets",
                   "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")


class FunctionError(Exception):
    """A function that cannot be made or started as it is configured; the message is AWS's or says what to change."""


class FunctionRecords:
    """Repairs ministack's records; each repair takes what was at its place first."""

    def __init__(self, machine: Machine) -> None:
        from ministack.services import lambda_svc

        self._machine, self._svc = machine, lambda_svc

    def install(self) -> None:
        """Put the repairs at ministack's seams."""
        from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

        for name in ("_get_func_record_for_ref", "_build_config", "_create_function", "_update_code", "_get_function",
                     "_create_alias", "_update_alias"):
            setattr(self._svc, name, functools.partial(getattr(self, name), getattr(self._svc, name)))
        handlers = _RESOURCE_HANDLERS["AWS::Lambda::Function"]
        for phase in ("create", "update", "delete"):
            handlers[phase] = functools.partial(getattr(self, f"_{phase}_of_stack"), handlers[phase])

    # Operations of the API

    def _create_alias(self, inner: Any, name: str, data: dict[str, Any]) -> tuple[Any, ...]:
        return self._refused_alias(name, data, "$LATEST") or inner(name, data)

    def _update_alias(self, inner: Any, name: str, alias: str, data: dict[str, Any]) -> tuple[Any, ...]:
        known = (self._svc._functions.get(name) or {}).get("aliases", {}).get(alias) or {"FunctionVersion": "$LATEST"}
        return self._refused_alias(name, data, known["FunctionVersion"]) or inner(name, alias, data)

    def _refused_alias(self, name: str, data: dict[str, Any], current: str) -> tuple[Any, ...] | None:
        """Return Lambda's refusal of an alias whose versions or weights cannot be, None where they can."""
        from ministack.core.responses import error_response_json

        func, version = self._svc._functions.get(name), data.get("FunctionVersion", current)
        weights = (data.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        unknown = [each for each in (version, *weights) if func and each not in ("$LATEST", *func["versions"])]
        if unknown:
            missing: tuple[Any, ...] = error_response_json(
                "ResourceNotFoundException", f"Function not found: {self._svc._func_arn(name)}:{unknown[0]}", 404)
            return missing
        if weights and ("$LATEST" in (version, *weights) or version in weights or len(weights) > 1
                        or not all(0 <= weight <= 1 for weight in weights.values())):
            refusal: tuple[Any, ...] = error_response_json(
                "InvalidParameterValueException", "RoutingConfig: an alias points to one more version,"
                " another one than its own and not $LATEST, with a weight of 0 to 1", 400)
            return refusal
        return None

    def _get_func_record_for_ref(self, inner: Any, function_ref: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None, str]:
        """Keep the qualifier that API Gateway, Step Functions and others name, so that aliases count for them too."""
        record, config, name = inner(function_ref)
        start = 7 if function_ref.startswith("arn:") else 1
        qualifier = "".join(function_ref.split(":")[start:start + 1])
        if config and qualifier:
            config = config | {"FunctionArn": f"{self._svc._func_arn(name)}:{qualifier}"}
        return record, config, name

    def _build_config(self, inner: Callable[..., dict[str, Any]], name: str, data: dict[str, Any], code_zip: bytes | None = None) -> dict[str, Any]:
        config = inner(name, data, code_zip)
        uri = (data.get("Code") or {}).get("ImageUri")
        return config | self._checked({**config, "ImageUri": uri}, code_zip)

    def _create_function(self, inner: Any, data: dict[str, Any]) -> tuple[Any, ...]:
        return refusing(inner, data)

    def _update_code(self, inner: Callable[..., tuple[Any, ...]], name: str, data: dict[str, Any]) -> tuple[Any, ...]:
        func = self._svc._functions.get(name)
        if func is None or "ImageUri" not in data:
            return inner(name, data)
        return refusing(self._update_image, inner, func["config"], name, data)

    def _update_image(self, inner: Callable[..., tuple[Any, ...]], config: dict[str, Any], name: str, data: dict[str, Any]) -> tuple[Any, ...]:
        former = config["CodeSha256"]
        config["CodeSha256"] = image_digest(data["ImageUri"])
        response = inner(name, data)
        if response[0] >= 400:
            config["CodeSha256"] = former
        return response

    def _get_function(self, inner: Callable[..., tuple[Any, ...]], name: str, qualifier: str | None = None) -> tuple[Any, ...]:
        from ministack.core.responses import json_response

        status, headers, body = inner(name, qualifier)
        document = json.loads(body)
        if status >= 400 or document["Configuration"]["PackageType"] != "Image":
            return status, headers, body
        document["Code"]["ResolvedImageUri"] = resolved_uri(document["Configuration"])
        answer: tuple[Any, ...] = json_response(document)
        return answer

    def _checked(self, config: dict[str, Any], code_zip: bytes | None) -> dict[str, Any]:
        """Return what to add to a new function's configuration; raises FunctionError for what cannot run."""
        if config.get("FileSystemConfigs") and not config["VpcConfig"].get("SubnetIds"):
            raise FunctionError("Function must be configured to execute in a VPC to reference access point "
                                + config["FileSystemConfigs"][0]["Arn"])
        if config["VpcConfig"].get("SubnetIds"):
            self._check_network_rights(config["Role"])
        if config["PackageType"] == "Image":
            return {"CodeSha256": image_digest(config["ImageUri"])}
        if not config["Runtime"].startswith("python"):
            raise FunctionError(f"Runtime {config['Runtime']} does not run on this machine: use Python or an image")
        if not code_zip:
            raise FunctionError("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The"
                                f" specified key does not exist. (code of function {config['FunctionName']})")
        return {}

    def _check_network_rights(self, role: str) -> None:
        """Raise FunctionError unless the role may make and remove the network interfaces that Lambda needs."""
        key = self._machine.session(role, PRINCIPAL, "Lambda").access_key
        for action in NETWORK_ACTIONS:
            try:
                authorize(self._machine, key, f"ec2:{action}")
            except AccessDeniedError as error:
                raise FunctionError("The provided execution role does not have permissions to call "
                                    f"{action} on EC2 (AccessDenied: {error})") from error

    # CloudFormation's functions, of which ministack keeps fewer properties than its API does

    def _create_of_stack(self, inner: Any, logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        name, attributes = inner(logical_id, props, stack_name)
        try:
            self._complete(name, props)
        except FunctionError:
            del self._svc._functions[name]
            raise
        return name, attributes

    def _update_of_stack(self, inner: Any, physical_id: str, old: dict[str, Any], new: dict[str, Any], *args: Any) -> tuple[str, dict[str, Any]]:
        name, attributes = inner(physical_id, old, new, *args)
        self._complete(name, new)
        return name, attributes

    def _delete_of_stack(self, inner: Any, physical_id: str, *args: Any) -> Any:
        self._svc.invalidate_worker(physical_id)
        return inner(physical_id, *args)

    def _complete(self, name: str, props: dict[str, Any]) -> None:
        func = self._svc._functions[name]
        config = func["config"]
        config["VpcConfig"] = self._svc._vpc_config_with_id(props.get("VpcConfig"))
        for key in ("FileSystemConfigs", "DeadLetterConfig", "KmsKeyArn"):
            member = key.replace("Kms", "KMS")  # the API's name
            config.pop(member, None)
            if props.get(key):
                config[member] = props[key]
        limit = props.get("ReservedConcurrentExecutions")
        func["concurrency"] = None if limit is None else int(limit)
        config.update(self._checked(config, func["code_zip"]))


def refusing(inner: Callable[..., tuple[Any, ...]], *args: Any) -> tuple[Any, ...]:
    """Call an API operation and answer a FunctionError as Lambda does."""
    from ministack.core.responses import error_response_json

    try:
        return inner(*args)
    except FunctionError as error:
        answer: tuple[Any, ...] = error_response_json("InvalidParameterValueException", str(error), 400)
        return answer


def image_digest(uri: str) -> str:
    """Return the hex digest of an image in ECR; raises FunctionError when there is none."""
    from ministack.services import ecr

    with suppress(ImageNotFoundError):
        reference = Reference.parse(uri)
        image = ecr._find_image(reference.repository, reference.image_id)
        if image is not None:
            digest: str = image["imageDigest"].removeprefix("sha256:")
            return digest
    raise FunctionError(f"Source image {uri} does not exist. Provide a valid source image.")


def resolved_uri(config: dict[str, Any]) -> str:
    """Return the image that a function was given, by digest: a tag that moves later changes nothing."""
    reference = Reference.parse(config["ImageUri"])
    return f"{reference.registry}/{reference.repository}@sha256:{config['CodeSha256']}"
