"""The smallest API on the local API Gateway: one that answers by itself, deployed."""

from tests.local.local_aws import LocalAws

ANSWERS = {"application/json": '{"statusCode": 200}'}


def deployed(aws: LocalAws, name: str) -> str:
    """Return the id of a new API whose root answers 200, deployed as stage prd."""
    gateway = aws.client("apigateway")
    api = str(gateway.create_rest_api(name=name)["id"])
    place = {"restApiId": api, "resourceId": gateway.get_resources(restApiId=api)["items"][0]["id"], "httpMethod": "GET"}
    gateway.put_method(**place, authorizationType="NONE")
    gateway.put_integration(**place, type="MOCK", requestTemplates=ANSWERS)
    gateway.put_integration_response(**place, statusCode="200")
    gateway.create_deployment(restApiId=api, stageName="prd")
    return api
