"""How a network's resources and its file system are read: EC2's and EFS's answers under the template's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.local.local_aws import LocalAws
from tests.local.stack_reading import Resource

Read = Callable[[LocalAws, Resource], dict[str, Any]]


def one(kind: str, ids: str, listing: str) -> Read:
    """Return the read of a resource that EC2 describes under the template's own names."""
    def read(aws: LocalAws, resource: Resource) -> dict[str, Any]:
        return getattr(aws.client("ec2"), f"describe_{kind}")(**{ids: [resource.physical_id]})[listing][0]

    return read


def network(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    ec2 = aws.client("ec2")
    attributes = {name: ec2.describe_vpc_attribute(VpcId=resource.physical_id, Attribute=name) for name in (
        "enableDnsSupport", "enableDnsHostnames")}
    told = {name: found[name[0].upper() + name[1:]]["Value"] for name, found in attributes.items()}
    return ec2.describe_vpcs(VpcIds=[resource.physical_id])["Vpcs"][0] | told


def attachment(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    gateway = resource.properties["InternetGatewayId"]
    found = aws.client("ec2").describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"][0]
    return {"InternetGatewayId": gateway, "VpcId": found["Attachments"][0]["VpcId"]}


def route(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    table = resource.properties["RouteTableId"]
    found = aws.client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    wanted = resource.properties["DestinationCidrBlock"]
    return {"RouteTableId": table} | next(each for each in found if each.get("DestinationCidrBlock") == wanted)


def association(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("ec2").describe_route_tables(RouteTableIds=[resource.properties["RouteTableId"]])["RouteTables"][0]
    return next(each for each in found["Associations"] if each.get("RouteTableAssociationId") == resource.physical_id)


def flow_log(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("ec2").describe_flow_logs(FlowLogIds=[resource.physical_id])["FlowLogs"][0]
    [network] = aws.client("ec2").describe_vpcs(VpcIds=[found["ResourceId"]])["Vpcs"]
    return found | {"ResourceType": "VPC", "ResourceId": network["VpcId"]}


def security_group(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("ec2").describe_security_groups(GroupIds=[resource.physical_id])["SecurityGroups"][0]
    return found | {"GroupDescription": found["Description"],
                    "SecurityGroupIngress": _rules(found["IpPermissions"]),
                    "SecurityGroupEgress": _rules(found["IpPermissionsEgress"])}


def _rules(permissions: list[dict]) -> list[dict]:
    """Return EC2's permissions as the template's rules, one for each source."""
    rules = []
    for each in permissions:
        ports = {name: each.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
        rules += [ports | {"CidrIp": source["CidrIp"], "Description": source.get("Description")}
                  for source in each.get("IpRanges", [])]
        rules += [ports | {"SourceSecurityGroupId": source["GroupId"], "Description": source.get("Description")}
                  for source in each.get("UserIdGroupPairs", [])]
    return rules


def endpoint(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("ec2").describe_vpc_endpoints(VpcEndpointIds=[resource.physical_id])["VpcEndpoints"][0]
    return found | {"SecurityGroupIds": [group["GroupId"] for group in found.get("Groups", [])]}


def file_system(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("efs").describe_file_systems(FileSystemId=resource.physical_id)["FileSystems"][0]
    policy = aws.client("efs").describe_file_system_policy(FileSystemId=resource.physical_id)["Policy"]
    return found | {"FileSystemTags": found["Tags"], "FileSystemPolicy": policy}


def mount_target(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    efs, name = aws.client("efs"), resource.physical_id
    groups = efs.describe_mount_target_security_groups(MountTargetId=name)["SecurityGroups"]
    return efs.describe_mount_targets(MountTargetId=name)["MountTargets"][0] | {"SecurityGroups": groups}


def access_point(aws: LocalAws, resource: Resource) -> dict[str, Any]:
    found = aws.client("efs").describe_access_points(AccessPointId=resource.physical_id)["AccessPoints"][0]
    return found | {"AccessPointTags": found["Tags"]}
