"""CodeBuild: projects and builds; a build runs its buildspec for real (local/build.py).

What a pipeline's build action does inside AWS it does here by StartBuild: S3 locations for sources and artifacts, and,
among the variables, ``CODEBUILD_INITIATOR`` and ``CODEBUILD_RESOLVED_SOURCE_VERSION``, taken as CodeBuild's own.
"""

import shutil
import threading
import uuid
from typing import Any

from botocore.model import OperationModel

from local.build import Build, emit_state
from local.machine import Machine
from local.service import Call, Service, ServiceError, UnsupportedError, value_at

SOURCES = ("S3", "CODECOMMIT", "CODEPIPELINE", "NO_SOURCE")
SAME_TOKEN_SECONDS = 300
DEFAULTS: dict[str, Any] = {"timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480, "cache": {"type": "NO_CACHE"}}
# what StartBuild overrides: its member -> the place in the project
OVERRIDES = {
    "sourceTypeOverride": "source.type", "sourceLocationOverride": "source.location", "sourceVersion": "sourceVersion",
    "buildspecOverride": "source.buildspec", "gitCloneDepthOverride": "source.gitCloneDepth",
    "secondarySourcesOverride": "secondarySources", "secondarySourcesVersionOverride": "secondarySourceVersions",
    "artifactsOverride": "artifacts", "secondaryArtifactsOverride": "secondaryArtifacts", "cacheOverride": "cache",
    "environmentTypeOverride": "environment.type", "imageOverride": "environment.image",
    "computeTypeOverride": "environment.computeType", "privilegedModeOverride": "environment.privilegedMode",
    "imagePullCredentialsTypeOverride": "environment.imagePullCredentialsType", "serviceRoleOverride": "serviceRole",
    "timeoutInMinutesOverride": "timeoutInMinutes", "queuedTimeoutInMinutesOverride": "queuedTimeoutInMinutes",
    "encryptionKeyOverride": "encryptionKey", "logsConfigOverride": "logsConfig"}
OWN = ("projectName", "environmentVariablesOverride", "idempotencyToken")
# what a project may not ask for here: its place, and the values that are the same as not asking
REFUSED = {"fileSystemLocations": ([],), "buildBatchConfig": ({},), "autoRetryLimit": (0,), "badgeEnabled": (False,),
           "environment.registryCredential": (), "environment.certificate": (""), "environment.fleet": (),
           "environment.dockerServer": (), "logsConfig.s3Logs.status": ("DISABLED",)}


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidInputException", message)


def check(project: dict[str, Any]) -> None:
    """Raise what the settings of a project, or of one build, ask for in vain."""
    for place, same in REFUSED.items():
        if value_at(project, place) not in (None, *same):
            raise UnsupportedError(f"CodeBuild's {place}")
    for source in [project["source"], *project.get("secondarySources", [])]:
        if source["type"] not in SOURCES:
            raise UnsupportedError(f"CodeBuild's source type {source['type']}")
    if not project["environment"]["type"].startswith(("LINUX", "ARM")):
        raise UnsupportedError(f"CodeBuild's environment type {project['environment']['type']}")
    for artifacts in [project["artifacts"], *project.get("secondaryArtifacts", [])]:
        if artifacts["type"] == "S3" and not artifacts.get("location"):
            raise _invalid("Project's artifacts of type S3 need a location: the name of a bucket")
    if (project["source"]["type"] == "CODEPIPELINE") != (project["artifacts"]["type"] == "CODEPIPELINE"):
        raise _invalid("Project's source and artifacts must both, or neither, be of type CODEPIPELINE")


class CodeBuild(Service):
    """Projects and their builds."""

    service_name = "codebuild"
    resources = dict.fromkeys(("CreateProject", "UpdateProject", "DeleteProject"), "project/{name}") | dict.fromkeys(
        ("StartBuild", "ListBuildsForProject", "InvalidateProjectCache"), "project/{projectName}")
    pass_roles = {"CreateProject": ("serviceRole",), "UpdateProject": ("serviceRole",),
                  "StartBuild": ("serviceRoleOverride",)}
    role_principal = "codebuild.amazonaws.com"

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._projects = machine.store.table("codebuild-projects")
        self._builds = machine.store.table("codebuild-builds")
        self._running: dict[str, Build] = {}

    def setup(self) -> None:
        """Fail the builds that the machine's end interrupted."""
        self._clear()
        for key, found in self._builds.items():
            if not found["buildComplete"]:
                now = self.machine.clock.now()
                with self._builds.edit(key) as build:
                    build["phases"][-1:] = [phase | {"phaseStatus": "FAULT", "endTime": now, "contexts": [{
                        "statusCode": "INTERNAL_SERVICE_ERROR",
                        "message": "The local AWS was stopped during this build. Start the build again."}]}
                        for phase in build["phases"][-1:]]
                    build.update(buildStatus="FAILED", buildComplete=True, endTime=now, currentPhase="COMPLETED")
                emit_state(self.machine, build)

    def _clear(self) -> None:
        """Remove what builds left; nobody waits for it, as an environment has thousands of files."""
        folder, scratch = self.machine.data / "codebuild", self.machine.data / "tmp"
        scratch.mkdir(exist_ok=True)
        if folder.exists():
            folder.rename(scratch / f"codebuild-{uuid.uuid4()}")
        for old in scratch.glob("codebuild-*"):
            threading.Thread(target=shutil.rmtree, args=(old, True), daemon=True).start()

    def stop(self) -> None:
        """End the running builds; their records are settled at the next start."""
        for build in list(self._running.values()):
            build.stop()
        for build in list(self._running.values()):
            build.thread.join(timeout=3)

    def authorize(self, operation: OperationModel, request: dict[str, Any], call: Call) -> None:
        """Ask for each project that a request about several projects or builds touches."""
        ids = request.get("ids") or ([request["id"]] if operation.name == "StopBuild" else [])
        names = request.get("names") or [identifier.rpartition(":")[0] for identifier in ids]
        if operation.name not in ("BatchGetProjects", "BatchGetBuilds", "StopBuild"):
            super().authorize(operation, request, call)
            return
        for name in dict.fromkeys(names):
            call.authorize(f"codebuild:{operation.name}", self.machine.arn("codebuild", f"project/{name}"))

    # Projects

    def create_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = request["name"]
        if name in self._projects:
            raise ServiceError("ResourceAlreadyExistsException", f"Project already exists: {self._arn(name)}")
        now = self.machine.clock.now()
        return self._save(DEFAULTS | {"created": now, "arn": self._arn(name)} | request)

    def update_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return self._save(self._project(request["name"]) | request)

    def _save(self, project: dict[str, Any]) -> dict[str, Any]:
        check(project)
        self._projects[project["name"]] = project | {"lastModified": self.machine.clock.now()}
        return {"project": self._projects[project["name"]]}

    def delete_project(self, request: dict[str, Any], call: Call) -> None:
        self._projects.pop(request["name"], None)

    def batch_get_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        names = [name.rpartition("/")[2] for name in request["names"]]
        return {"projects": [self._projects[name] for name in names if name in self._projects],
                "projectsNotFound": [name for name in names if name not in self._projects]}

    def list_projects(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return {"projects": sorted(self._projects, reverse=request.get("sortOrder") == "DESCENDING")}

    def _arn(self, name: str) -> str:
        return self.machine.arn("codebuild", f"project/{name}")

    def _project(self, name: str) -> dict[str, Any]:
        if name not in self._projects:
            raise ServiceError("ResourceNotFoundException", f"Project cannot be found: {self._arn(name)}")
        return self._projects[name]

    # Builds

    def start_build(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        if unknown := [member for member in request if member not in OVERRIDES and member not in OWN]:
            raise UnsupportedError(f"StartBuild's {', '.join(unknown)}")
        project = self._project(request["projectName"])
        if again := self._same_request(request):
            return {"build": again}
        _override(project, request)
        check(project)
        if project["source"]["type"] == "CODEPIPELINE":
            raise _invalid(f"Project {project['name']} takes its source from a pipeline; start the pipeline instead")
        self._check_limit(project)
        record = self._record(project, request, call)
        self._builds[record["id"]] = record
        emit_state(self.machine, record)
        build = self._running[record["id"]] = Build(self.machine, self._builds, record["id"])
        build.thread.start()
        return {"build": record}

    def _same_request(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the build that the same idempotency token has just started."""
        token, since = request.get("idempotencyToken"), self.machine.clock.now() - SAME_TOKEN_SECONDS
        return next((build for build in self._builds.values() if token and build["token"] == token
                     and build["startTime"] > since and build["projectName"] == request["projectName"]), None)

    def _check_limit(self, project: dict[str, Any]) -> None:
        self._running = {key: build for key, build in self._running.items() if build.thread.is_alive()}
        running = [key for key in self._running if key.startswith(f"{project['name']}:")]
        if len(running) >= project.get("concurrentBuildLimit", len(running) + 1):
            raise ServiceError("AccountLimitExceededException", f"Project {project['name']} runs {len(running)} "
                               "builds, its concurrentBuildLimit. Wait for one to end.")

    def _record(self, project: dict[str, Any], request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return a new build's record; ``effective`` and ``token`` are for ourselves."""
        name, unique, now = project["name"], str(uuid.uuid4()), self.machine.clock.now()
        variables = {each["name"]: each["value"] for each in project["environment"].get("environmentVariables", [])}
        caller = call.principal.rpartition(":")[2].removeprefix("assumed-role/").removeprefix("user/")
        with self._projects.edit(name) as saved:
            saved["builds"] = number = saved.get("builds", 0) + 1
        shown = {key: project.get(key) for key in (
            "source", "secondarySources", "sourceVersion", "secondarySourceVersions", "cache", "environment",
            "serviceRole", "timeoutInMinutes", "queuedTimeoutInMinutes", "vpcConfig", "encryptionKey")}
        return shown | {
            "id": f"{name}:{unique}", "arn": self.machine.arn("codebuild", f"build/{name}:{unique}"),
            "projectName": name, "buildNumber": number, "startTime": now, "currentPhase": "SUBMITTED",
            "buildStatus": "IN_PROGRESS",
            "phases": [], "buildComplete": False, "initiator": variables.get("CODEBUILD_INITIATOR", caller),
            "logs": self._logs(project, unique), "effective": project, "token": request.get("idempotencyToken")}

    def _logs(self, project: dict[str, Any], unique: str) -> dict[str, Any]:
        settings = value_at(project, "logsConfig.cloudWatchLogs") or {}
        if settings.get("status") == "DISABLED":
            return {"cloudWatchLogs": settings}
        group = settings.get("groupName") or f"/aws/codebuild/{project['name']}"
        stream = "/".join(filter(None, [settings.get("streamName"), unique]))
        return {"groupName": group, "streamName": stream, "cloudWatchLogs": {"status": "ENABLED"} | settings,
                "cloudWatchLogsArn": self.machine.arn("logs", f"log-group:{group}:log-stream:{stream}")}

    def batch_get_builds(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        ids = [identifier.rpartition("build/")[2] for identifier in request["ids"]]
        return {"builds": [self._builds[key] for key in ids if key in self._builds],
                "buildsNotFound": [key for key in ids if key not in self._builds]}

    def stop_build(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        key = request["id"].rpartition("build/")[2]
        if key not in self._builds:
            raise ServiceError("ResourceNotFoundException", f"Build cannot be found: {key}")
        if key in self._running:
            self._running[key].stop()
        return {"build": self._builds[key]}

    def list_builds_for_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        name = self._project(request["projectName"])["name"]
        ids = [key for key in self._builds if key.startswith(f"{name}:")]
        return {"ids": ids if request.get("sortOrder") == "ASCENDING" else ids[::-1]}

    def list_builds(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        ids = list(self._builds)
        return {"ids": ids if request.get("sortOrder") == "ASCENDING" else ids[::-1]}


def _override(project: dict[str, Any], request: dict[str, Any]) -> None:
    """Lay what StartBuild gives over the project's settings."""
    for member, place in OVERRIDES.items():
        if member in request:
            outer, _, inner = place.rpartition(".")
            (project[outer] if outer else project)[inner] = request[member]
    given = {each["name"]: each for each in project["environment"].get("environmentVariables", [])}
    given |= {each["name"]: each for each in request.get("environmentVariablesOverride", [])}
    project["environment"]["environmentVariables"] = list(given.values())
