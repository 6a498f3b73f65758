"""Our AWS services, by the name that their requests are signed for."""

from collections.abc import Awaitable, Callable
from typing import Any

from local.machine import Machine
from local.service import Service

Handler = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


def handlers(machine: Machine) -> tuple[list[Service], dict[str, Handler], dict[str, Any]]:
    """Return the services, the handler of each signing name, and the routes that are not AWS APIs."""
    from local.services.application_autoscaling import ApplicationAutoScaling
    from local.services.codebuild import CodeBuild
    from local.services.codecommit import CodeCommit
    from local.services.codedeploy import CodeDeploy
    from local.services.codepipeline import CodePipeline
    from local.services.sagemaker import SageMaker
    from local.services.sagemaker_runtime import SageMakerRuntime
    from local.services.servicecatalog import ServiceCatalog

    sagemaker, runtime = SageMaker(machine), SageMakerRuntime(machine)
    codecommit = CodeCommit(machine)
    others = [CodeBuild(machine), CodeDeploy(machine), CodePipeline(machine), ServiceCatalog(machine),
              ApplicationAutoScaling(machine)]
    names = {service.service_name: service.handle_request for service in (codecommit, *others)}

    async def by_path(method: str, path: str, headers: dict[str, Any], body: bytes, query: dict[str, Any]) -> Any:
        service = runtime if path.startswith("/endpoints/") else sagemaker
        return await service.handle_request(method, path, headers, body, query)

    return [sagemaker, runtime, codecommit, *others], names | {"sagemaker": by_path}, {"/v1/repos/": codecommit.git}
