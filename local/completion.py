"""What ministack's CloudFormation leaves out of a resource, set after it has created or updated it.

CALLS are made on the service, as a person would make them; they come back to this server, so their types provision on a
worker thread. RECORDS change what ministack keeps where it has no call for it.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from xml.sax.saxutils import escape

from botocore import xform_name

from local import access_logs
from local.machine import Machine
from local.stacks import convert

Call = tuple[str, str, dict[str, Any]]  # service, operation, request


def complete(machine: Machine, kind: str, physical_id: str, properties: dict[str, Any]) -> None:
    """Give a resource the values of its template that it lacks."""
    for service, operation, request in CALLS.get(kind, _none)(physical_id, properties):
        client = machine.client(service)
        shape = client.meta.service_model.operation_model(operation).input_shape
        getattr(client, xform_name(operation))(**convert(shape, request, operation))
    if kind in RECORDS:
        RECORDS[kind](physical_id, properties)


def install(machine: Machine) -> None:
    """Let EC2 tell all that it keeps of an endpoint of a network."""
    from ministack.services import ec2

    tell = ec2._vpce_fields_xml

    def fields(endpoint: dict[str, Any], tag: str = "item") -> str:
        body: str = tell(endpoint, tag).removesuffix(f"</{tag}>") + _endpoint_fields(endpoint) + f"</{tag}>"
        return body

    ec2._vpce_fields_xml = fields


def _endpoint_fields(endpoint: dict[str, Any]) -> str:
    groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in endpoint.get("SecurityGroupIds", []))
    policy = endpoint.get("PolicyDocument") or ""
    text = policy if isinstance(policy, str) else json.dumps(policy)
    return (f"<privateDnsEnabled>{str(endpoint.get('PrivateDnsEnabled', False)).lower()}</privateDnsEnabled>"
            f"<groupSet>{groups}</groupSet><policyDocument>{escape(text)}</policyDocument>")


def _none(physical_id: str, properties: dict[str, Any]) -> Iterator[Call]:
    return iter(())


def _bucket(physical_id: str, properties: dict[str, Any]) -> Iterator[Call]:
    if encryption := properties.get("BucketEncryption"):
        rules = [rule | {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
                 for rule in encryption["ServerSideEncryptionConfiguration"]]
        for rule in rules:
            del rule["ServerSideEncryptionByDefault"]
        yield "s3", "PutBucketEncryption", {"Bucket": physical_id, "ServerSideEncryptionConfiguration": {"Rules": rules}}
    if lifecycle := properties.get("LifecycleConfiguration"):
        rules = [{"Filter": {"Prefix": ""}} | rule for rule in lifecycle["Rules"]]
        yield "s3", "PutBucketLifecycleConfiguration", {"Bucket": physical_id, "LifecycleConfiguration": {"Rules": rules}}
    if tags := [tag for tag in properties.get("Tags", []) if not tag["Key"].startswith("aws:")]:
        yield "s3", "PutBucketTagging", {"Bucket": physical_id, "Tagging": {"TagSet": tags}}


def _topic(physical_id: str, properties: dict[str, Any]) -> Iterator[Call]:
    for name in ("KmsMasterKeyId", "SignatureVersion", "TracingConfig"):
        if name in properties:
            yield "sns", "SetTopicAttributes", {
                "TopicArn": physical_id, "AttributeName": name, "AttributeValue": properties[name]}


def _rest_api(physical_id: str, properties: dict[str, Any]) -> None:
    """Name members as API Gateway does, and read ~1 as the slash that it stands for."""
    from ministack.services import apigateway_v1

    api = apigateway_v1._rest_apis[physical_id]
    api["endpointConfiguration"] = {key[0].lower() + key[1:]: value for key, value in api["endpointConfiguration"].items()}
    api["binaryMediaTypes"] = [name.replace("~1", "/") for name in api["binaryMediaTypes"]]


def _stage(physical_id: str, properties: dict[str, Any]) -> None:
    from ministack.services import apigateway_v1

    apigateway_v1._stages_v1[properties["RestApiId"]][physical_id]["accessLogSettings"] = access_logs.of_template(properties)


CALLS: dict[str, Callable[[str, dict[str, Any]], Iterator[Call]]] = {"AWS::S3::Bucket": _bucket, "AWS::SNS::Topic": _topic}
RECORDS: dict[str, Callable[[str, dict[str, Any]], None]] = {
    "AWS::ApiGateway::RestApi": _rest_api, "AWS::ApiGateway::Stage": _stage}
