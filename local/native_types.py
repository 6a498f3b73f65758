"""CloudFormation types of which ministack has the service and lacks the type: calls of the service, as in stacks.py.

Which rights the stack's role needs says native_rights.py, since ministack does not know these calls' resources.
"""

from html import escape
from typing import Any

from local.machine import Machine
from local.stacks import ResourceType

SEAMS: tuple[tuple[str, str], ...] = (
    ("ministack.services.ec2", "_ACTION_MAP"),
    ("ministack.services.ec2", "_flow_logs"),
    ("ministack.services.ec2", "_p"),
    ("ministack.services.ec2", "_parse_tag_specs"),
)
KEPT = ("DeliverLogsPermissionArn", "LogGroupName", "MaxAggregationInterval")  # of a flow log, which ministack forgets


def _flow_log(properties: dict[str, Any]) -> dict[str, Any]:
    """Return what CreateFlowLogs takes."""
    request = {key: value for key, value in properties.items() if key not in ("ResourceId", "Tags")}
    tags = {"TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": properties["Tags"]}]} if properties.get("Tags") else {}
    return request | tags | {"ResourceIds": [properties["ResourceId"]]}


NATIVE_TYPES = {
    "AWS::EC2::FlowLog": ResourceType(
        "ec2", "CreateFlowLogs", "DeleteFlowLogs", "FlowLogIds", "FlowLogIds", read="DescribeFlowLogs", request=_flow_log,
        replaced_on=("DeliverLogsPermissionArn", "LogDestination", "LogDestinationType", "LogGroupName", "MaxAggregationInterval",
                     "ResourceId", "ResourceType", "TrafficType")),
    "AWS::WAFv2::WebACLAssociation": ResourceType(
        "wafv2", "AssociateWebACL", "DisassociateWebACL", "ResourceArn", "ResourceArn", read="GetWebACLForResource", name="ResourceArn",
        update="AssociateWebACL", replaced_on=("ResourceArn",)),  # another ACL takes the first one's place, as AWS's replacement ends
}


def install(machine: Machine) -> None:
    """Let EC2 keep and tell all that a flow log was made with."""
    from ministack.services import ec2

    create, describe = ec2._ACTION_MAP["CreateFlowLogs"], ec2._ACTION_MAP["DescribeFlowLogs"]

    def created(request: dict[str, Any]) -> Any:
        known = set(ec2._flow_logs)
        answer = create(request)
        for name in set(ec2._flow_logs) - known:
            ec2._flow_logs[name] |= {key: ec2._p(request, key) for key in KEPT if ec2._p(request, key)}
            ec2._parse_tag_specs(request, "vpc-flow-log", name)
        return answer

    def described(request: dict[str, Any]) -> Any:
        status, headers, body = describe(request)
        text = body.decode() if isinstance(body, bytes) else body
        for name, log in ec2._flow_logs.items():
            told = "".join(f"<{key[0].lower()}{key[1:]}>{escape(log[key])}</{key[0].lower()}{key[1:]}>" for key in KEPT if key in log)
            text = text.replace(f"<flowLogId>{name}</flowLogId>", f"<flowLogId>{name}</flowLogId>{told}")
        return status, headers, text.encode()

    ec2._ACTION_MAP |= {"CreateFlowLogs": created, "DescribeFlowLogs": described}
