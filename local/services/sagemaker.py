"""SageMaker: jobs, models, endpoints, monitoring, experiments and projects."""

import threading
from collections.abc import Callable
from functools import partialmethod
from typing import Any

from local import guardrails
from local.capture import recover
from local.encryption import authorize_volume
from local.experiments import Experiments, result_of
from local.hosting import Hosting
from local.job_kinds import ProcessingJob, TrainingJob, TransformJob
from local.jobs import Job, starting
from local.machine import AccessDeniedError, Machine
from local.monitoring import Monitoring, MonitoringJob, check_definition, inner
from local.projects import Projects
from local.refusals import refuse
from local.resources import Collection, Kind
from local.service import Call, Service, ServiceError, UnsupportedError, value_at

TRAINING = Kind("TrainingJob", "training-job", "TrainingJobSummaries", "SageMaker Training Job State Change",
                missing="ResourceNotFound", in_use="ResourceInUse")
PROCESSING = Kind("ProcessingJob", "processing-job", "ProcessingJobSummaries", "SageMaker Processing Job State Change",
                  missing="ResourceNotFound", in_use="ResourceInUse")
TRANSFORM = Kind("TransformJob", "transform-job", "TransformJobSummaries", "SageMaker Transform Job State Change",
                 missing="ResourceNotFound", in_use="ResourceInUse")
MODEL = Kind("Model", "model", "Models")
CONFIG = Kind("EndpointConfig", "endpoint-config", "EndpointConfigs")
ENDPOINT = Kind("Endpoint", "endpoint", "Endpoints", "SageMaker Endpoint State Change")
EXPERIMENT = Kind("Experiment", "experiment", "ExperimentSummaries", missing="ResourceNotFound")
TRIAL = Kind("Trial", "experiment-trial", "TrialSummaries", missing="ResourceNotFound")
COMPONENT = Kind("TrialComponent", "experiment-trial-component", "TrialComponentSummaries", missing="ResourceNotFound")
PROJECT = Kind("Project", "project", "ProjectSummaryList", order="Ascending")
SCHEDULE = Kind("MonitoringSchedule", "monitoring-schedule", "MonitoringScheduleSummaries", missing="ResourceNotFound",
                in_use="ResourceInUse")
DEFINITION = Kind("DataQualityJobDefinition", "data-quality-job-definition", "JobDefinitionSummaries", label="JobDefinition",
                  missing="ResourceNotFound", in_use="ResourceInUse")
KINDS = (TRAINING, PROCESSING, TRANSFORM, MODEL, CONFIG, ENDPOINT, EXPERIMENT, TRIAL, COMPONENT, PROJECT, SCHEDULE, DEFINITION)
JOBS: dict[Kind, type[Job]] = {TRAINING: TrainingJob, PROCESSING: ProcessingJob, TRANSFORM: TransformJob}


class SageMaker(Service):
    """The control plane."""

    service_name = "sagemaker"
    role_principal = "sagemaker.amazonaws.com"
    tag_action = "AddTags"
    resources = {kind.noun: f"{kind.arn}/{{{kind.name}}}" for kind in KINDS} | {
        "UpdateEndpointWeightsAndCapacities": "endpoint/{EndpointName}",
        "AssociateTrialComponent": "experiment-trial-component/{TrialComponentName}",
        "DisassociateTrialComponent": "experiment-trial-component/{TrialComponentName}",
        "AddTags": "=ResourceArn", "DeleteTags": "=ResourceArn", "ListTags": "=ResourceArn"}
    pass_roles = {"CreateTrainingJob": ("RoleArn",), "CreateProcessingJob": ("RoleArn",),
                  "CreateModel": ("ExecutionRoleArn",), "CreateEndpointConfig": ("ExecutionRoleArn",),
                  "CreateDataQualityJobDefinition": ("RoleArn",), **dict.fromkeys(
                      ("CreateMonitoringSchedule", "UpdateMonitoringSchedule"),
                      ("MonitoringScheduleConfig.MonitoringJobDefinition.RoleArn",))}

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self._collections = {kind: Collection(machine, kind, self._shape) for kind in KINDS}
        self._tags = machine.store.table("sagemaker-tags")
        self._jobs: dict[str, Job] = {}
        self._projects = Projects(machine, self._collections[PROJECT])
        self._experiments = Experiments(
            self._collections[EXPERIMENT], self._collections[TRIAL], self._collections[COMPONENT])
        self._monitoring = Monitoring(machine, {kind.noun: each for kind, each in self._collections.items()},
                                      lambda request: self._begin_job(PROCESSING, request, MonitoringJob)["ProcessingJobArn"])
        self.hosting = machine.hosting = Hosting(machine, self._collections[ENDPOINT])

    def _shape(self, noun: str) -> Any:
        return self.model.operation_model(f"Describe{noun}").output_shape

    def setup(self) -> None:
        """Write left captures, fail the jobs that were interrupted, start the endpoints again, follow the projects."""
        recover(self.machine)
        for kind in JOBS:
            for document in self._collections[kind].all():
                if document[kind.status] in ("InProgress", "Stopping"):
                    self._interrupted(kind, document)
        endpoints = self._collections[ENDPOINT]
        for document in endpoints.all():
            name = document["EndpointName"]
            if document.get("_Config") and document["EndpointStatus"] in ("InService", "Updating", "RollingBack"):
                pending = (document.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
                reason = pending and f"The local AWS stopped during the update to {pending}. Update the endpoint again."
                endpoints.change(name, EndpointStatus="Updating", PendingDeploymentSummary=None)
                self.hosting.deploy(name, document["_Config"], _desired(document), reason=reason)
            elif document["EndpointStatus"] == "Deleting":
                endpoints.delete(name)
            elif document["EndpointStatus"] == "Creating":
                endpoints.change(name, EndpointStatus="Failed", FailureReason="The local AWS stopped while the "
                                 "endpoint was being created. Delete it and create it again.")
        self._projects.resume()
        self._monitoring.begin()

    def _interrupted(self, kind: Kind, document: dict[str, Any]) -> None:
        job, now = JOBS[kind], self.machine.clock.now()
        self._collections[kind].change(document[kind.name], **{
            kind.status: "Failed", "SecondaryStatus": "Failed", job.end_time: now,
            "FailureReason": "InternalServerError: the local AWS stopped while the job ran. Start the job again."})

    def stop(self) -> None:
        """Stop endpoints; jobs end with their processes and are settled at the next start."""
        self.hosting.stop()

    def resource_arn(self, operation: str, request: dict[str, Any]) -> str:
        """Return the ARN in lower case, as SageMaker's are."""
        head, _, resource = super().resource_arn(operation, request).rpartition(":")
        return f"{head}:{resource.lower()}" if head else resource

    # What all kinds share

    def _create(self, kind: Kind, request: dict[str, Any], **members: Any) -> dict[str, Any]:
        document = self._collections[kind].create(request, **members)
        arn = document[kind.arn_member]
        self._tags.pop(arn, None)
        if request.get("Tags"):
            self._tags[arn] = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return {kind.arn_member: arn}

    def _describe(self, kind: Kind, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return self._collections[kind].get(request[kind.name])

    def _list(self, kind: Kind, request: dict[str, Any], call: Call) -> dict[str, Any]:
        return self._collections[kind].list(request)

    def _delete(self, kind: Kind, request: dict[str, Any], call: Call) -> dict[str, Any]:
        document = self._collections[kind].get(request[kind.name])
        if document.get(kind.status) in ("InProgress", "Stopping"):
            raise ServiceError("ResourceInUse", f"{document[kind.name]} is {document[kind.status]}. Stop it first.")
        self._collections[kind].delete(request[kind.name])
        self._tags.pop(document[kind.arn_member], None)
        return document

    describe_training_job = partialmethod(_describe, TRAINING)
    describe_processing_job = partialmethod(_describe, PROCESSING)
    describe_transform_job = partialmethod(_describe, TRANSFORM)
    describe_model = partialmethod(_describe, MODEL)
    describe_endpoint_config = partialmethod(_describe, CONFIG)
    describe_endpoint = partialmethod(_describe, ENDPOINT)
    describe_experiment = partialmethod(_describe, EXPERIMENT)
    describe_trial = partialmethod(_describe, TRIAL)
    describe_project = partialmethod(_describe, PROJECT)
    describe_monitoring_schedule = partialmethod(_describe, SCHEDULE)
    describe_data_quality_job_definition = partialmethod(_describe, DEFINITION)
    list_training_jobs = partialmethod(_list, TRAINING)
    list_processing_jobs = partialmethod(_list, PROCESSING)
    list_transform_jobs = partialmethod(_list, TRANSFORM)
    list_models = partialmethod(_list, MODEL)
    list_endpoint_configs = partialmethod(_list, CONFIG)
    list_endpoints = partialmethod(_list, ENDPOINT)
    list_experiments = partialmethod(_list, EXPERIMENT)
    list_trials = partialmethod(_list, TRIAL)
    list_trial_components = partialmethod(_list, COMPONENT)
    list_projects = partialmethod(_list, PROJECT)
    list_monitoring_schedules = partialmethod(_list, SCHEDULE)
    delete_training_job = partialmethod(_delete, TRAINING)
    delete_processing_job = partialmethod(_delete, PROCESSING)
    delete_model = partialmethod(_delete, MODEL)
    delete_endpoint_config = partialmethod(_delete, CONFIG)
    delete_trial_component = partialmethod(_delete, COMPONENT)
    delete_data_quality_job_definition = partialmethod(_delete, DEFINITION)

    # Jobs

    def _create_job(self, kind: Kind, request: dict[str, Any], call: Call) -> dict[str, Any]:
        refuse(f"Create{kind.noun}", request)
        job_class = JOBS[kind]
        authorize_volume(self.machine, call.access_key, value_at(request, job_class.volume_key))
        if kind is TRANSFORM:
            request["_Model"] = self._collections[MODEL].get(request["ModelName"])
        else:
            self._assumable(request["RoleArn"])
        self._experiments.check(request.get("ExperimentConfig"))
        return self._begin_job(kind, request, job_class)

    def _begin_job(self, kind: Kind, request: dict[str, Any], job_class: type[Job]) -> dict[str, Any]:
        answer = self._create(kind, request, **{
            kind.status: "InProgress", "SecondaryStatus": "Starting", "SecondaryStatusTransitions": [starting()],
            **DEFAULTS[kind](request)})
        job = self._jobs[answer[kind.arn_member]] = job_class(self.machine, self._collections[kind], request)
        self._experiments.attach(request, kind, answer[kind.arn_member])
        job.thread.start()
        return answer

    def _stop_job(self, kind: Kind, request: dict[str, Any], call: Call) -> None:
        document = self._collections[kind].get(request[kind.name])
        if document[kind.status] not in ("InProgress", "Stopping"):
            raise ServiceError("ValidationException", "The request was rejected because the job is in status "
                                                      f"{document[kind.status]}.")
        self._jobs[document[f"{kind.noun}Arn"]].stop()

    create_training_job = partialmethod(_create_job, TRAINING)
    create_processing_job = partialmethod(_create_job, PROCESSING)
    create_transform_job = partialmethod(_create_job, TRANSFORM)
    stop_training_job = partialmethod(_stop_job, TRAINING)
    stop_processing_job = partialmethod(_stop_job, PROCESSING)
    stop_transform_job = partialmethod(_stop_job, TRANSFORM)

    def _assumable(self, role: str) -> None:
        try:
            self.machine.session(role, self.role_principal, "SageMaker")
        except AccessDeniedError as error:
            raise ServiceError("ValidationException", f"Could not assume role {role}. Please ensure that the role "
                               f"exists and allows principal '{self.role_principal}' to assume the role. {error}"
                               ) from error

    # Models and endpoints

    def create_model(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store a model; image and archive are looked at when it is deployed."""
        refuse("CreateModel", request)
        containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
        if len(containers) != 1 or "Image" not in containers[0]:
            raise UnsupportedError("CreateModel with other than one container that has an Image")
        if "ExecutionRoleArn" not in request:
            raise ServiceError("ValidationException", "CreateModel: ExecutionRoleArn is required.")
        self._assumable(request["ExecutionRoleArn"])
        return self._create(MODEL, request)

    def create_endpoint_config(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store a configuration; its models must exist."""
        refuse("CreateEndpointConfig", request)
        authorize_volume(self.machine, call.access_key, request.get("KmsKeyId"))
        for variant in request["ProductionVariants"]:
            if "ModelName" not in variant:
                raise UnsupportedError("CreateEndpointConfig with inference components (a variant without ModelName)")
            self._collections[MODEL].get(variant["ModelName"])
            variant.setdefault("InitialVariantWeight", 1.0)
        return self._create(CONFIG, request)

    def _config(self, request: dict[str, Any], operation: str, call: Call) -> dict[str, Any]:
        """Return the configuration with its models, as it is now: an endpoint keeps what it was deployed with."""
        config = self._collections[CONFIG].get(request["EndpointConfigName"])
        call.authorize(f"sagemaker:{operation}", config["EndpointConfigArn"])
        names = {variant["ModelName"] for variant in config["ProductionVariants"]}
        return config | {"_Models": {name: self._collections[MODEL].get(name) for name in names}}

    def create_endpoint(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Start the instances of a configuration."""
        refuse("UpdateEndpoint", request)
        config = self._config(request, "CreateEndpoint", call)
        deployment = request.pop("DeploymentConfig", None)
        answer = self._create(ENDPOINT, request, EndpointStatus="Creating", LastDeploymentConfig=deployment)
        self.hosting.deploy(request["EndpointName"], config)
        return answer

    def _settled_endpoint(self, name: str) -> dict[str, Any]:
        document = self._collections[ENDPOINT].get(name)
        if document["EndpointStatus"] in ("Creating", "Updating", "RollingBack", "Deleting"):
            raise ServiceError("ValidationException", "Cannot update in-progress endpoint "
                                                      f"\"{document['EndpointArn']}\".")
        return document

    def update_endpoint(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Start the instances of another configuration beside the old and let them take over as the request says."""
        refuse("UpdateEndpoint", request)
        document = self._settled_endpoint(request["EndpointName"])
        config = self._config(request, "UpdateEndpoint", call)
        kept = _desired(document, request) if request.get("RetainAllVariantProperties") else {}
        last = document.get("LastDeploymentConfig")
        deployment = request.get("DeploymentConfig") or (last if request.get("RetainDeploymentConfig") else None)
        if deployment:
            guardrails.check(deployment, [each["VariantName"] for each in document.get("ProductionVariants", [])], config, kept)
        serves = document.get("_Config") == config  # as after a failed update, when its stack goes back
        self._begin_change(request["EndpointName"], LastDeploymentConfig=deployment or last)
        if serves:
            self.hosting.scale(request["EndpointName"], _initial(config) | kept)
        else:
            self.hosting.deploy(request["EndpointName"], config, kept, deployment)
        return {"EndpointArn": document["EndpointArn"]}

    def update_endpoint_weights_and_capacities(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change weights at once and instance counts as their processes start or end."""
        document = self._settled_endpoint(request["EndpointName"])
        wanted = {each["VariantName"]: each for each in request["DesiredWeightsAndCapacities"]}
        if unknown := wanted.keys() - {each["VariantName"] for each in document.get("ProductionVariants", [])}:
            raise ServiceError("ValidationException", f"The variant name(s) \"{', '.join(unknown)}\" is/are not "
                                                      "present within endpoint configuration.")
        self._begin_change(request["EndpointName"])
        self.hosting.scale(request["EndpointName"], wanted)
        return {"EndpointArn": document["EndpointArn"]}

    def _begin_change(self, name: str, **members: Any) -> None:
        self._collections[ENDPOINT].change(name, EndpointStatus="Updating", FailureReason=None, **members)

    def delete_endpoint(self, request: dict[str, Any], call: Call) -> None:
        """Stop the instances, then forget the endpoint."""
        name = self._settled_endpoint(request["EndpointName"])["EndpointName"]
        self._collections[ENDPOINT].change(name, EndpointStatus="Deleting")

        def end() -> None:
            self.hosting.delete(name)
            if not self.machine.stopping.is_set():
                self._delete(ENDPOINT, request, call)

        threading.Thread(target=end, name=f"delete {name}", daemon=True).start()

    # Monitoring

    def create_data_quality_job_definition(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store a definition of monitoring jobs."""
        self._assumable(request["RoleArn"])
        check_definition(inner(request))
        return self._create(DEFINITION, request)

    def list_data_quality_job_definitions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List definitions under the names that their summaries have."""
        return {DEFINITION.listing: self._monitoring.definitions(request)}

    def create_monitoring_schedule(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store a schedule; its jobs run on the clock from now on."""
        return self._create(SCHEDULE, request, **self._monitoring.checked(request))

    def update_monitoring_schedule(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change a schedule, which begins anew."""
        document = self._collections[SCHEDULE].get(request["MonitoringScheduleName"])
        kept = {name: document[name] for name in ("_Until", "MonitoringScheduleStatus")}
        self._collections[SCHEDULE].change(document["MonitoringScheduleName"], **self._monitoring.checked(request) | kept | request)
        return {"MonitoringScheduleArn": document["MonitoringScheduleArn"]}

    def _switch_schedule(self, status: str, request: dict[str, Any], call: Call) -> None:
        schedule = self._collections[SCHEDULE].get(request["MonitoringScheduleName"])
        self._collections[SCHEDULE].change(schedule["MonitoringScheduleName"], MonitoringScheduleStatus=status)

    start_monitoring_schedule = partialmethod(_switch_schedule, "Scheduled")
    stop_monitoring_schedule = partialmethod(_switch_schedule, "Stopped")

    def delete_monitoring_schedule(self, request: dict[str, Any], call: Call) -> None:
        """Forget a schedule; a job of it that runs goes on to its end."""
        self._delete(SCHEDULE, request, call)
        self._monitoring.forget(request["MonitoringScheduleName"])

    def list_monitoring_executions(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """List what schedules have started."""
        return {"MonitoringExecutionSummaries": self._monitoring.executions(request)}

    # Experiments

    def create_experiment(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store an experiment."""
        return self._create(EXPERIMENT, {"DisplayName": request["ExperimentName"]} | request)

    def create_trial(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store a trial of an experiment."""
        self._collections[EXPERIMENT].get(request["ExperimentName"])
        return self._create(TRIAL, {"DisplayName": request["TrialName"]} | request)

    def create_trial_component(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Store a trial component."""
        return self._create(COMPONENT, {"DisplayName": request["TrialComponentName"]} | request)

    def describe_trial_component(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return a component, with what its job shows by now."""
        component = self._collections[COMPONENT].get(request["TrialComponentName"])
        for kind, job_class in JOBS.items():
            noun, _, name = component.get("SourceArn", "").rpartition(":")[2].partition("/")
            if noun == kind.arn:
                return component | result_of(self._collections[kind].get(name), kind, job_class)
        return component

    def delete_experiment(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Forget an experiment that has no trials."""
        self._experiments.check_empty(EXPERIMENT.noun, request["ExperimentName"])
        return self._delete(EXPERIMENT, request, call)

    def delete_trial(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Forget a trial that has no components."""
        self._experiments.check_empty(TRIAL.noun, request["TrialName"])
        return self._delete(TRIAL, request, call)

    def associate_trial_component(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Make a component part of a trial."""
        return self._experiments.associate(request["TrialComponentName"], request["TrialName"])

    def disassociate_trial_component(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Take a component out of a trial."""
        return self._experiments.disassociate(request["TrialComponentName"], request["TrialName"])

    # Projects

    def create_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Provision a project from its Service Catalog product."""
        document = self._projects.create(request, call)
        if request.get("Tags"):
            self._tags[document["ProjectArn"]] = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return document

    def update_project(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Change a project and its provisioned product."""
        return self._projects.update(request, call)

    def delete_project(self, request: dict[str, Any], call: Call) -> None:
        """Terminate a project's provisioned product."""
        self._projects.delete(request, call)

    # Tags

    def _tagged(self, arn: str) -> dict[str, str]:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        collection = next((each for each in self._collections.values() if each.kind.arn == kind), None)
        if collection is None:
            raise UnsupportedError(f"Tags on {arn}")
        collection.get(name)
        return self._tags.get(arn, {})

    def add_tags(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Add or change tags of a resource."""
        tags = self._tagged(request["ResourceArn"]) | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        self._tags[request["ResourceArn"]] = tags
        return {"Tags": _as_list(tags)}

    def delete_tags(self, request: dict[str, Any], call: Call) -> None:
        """Remove tags of a resource."""
        tags = self._tagged(request["ResourceArn"])
        self._tags[request["ResourceArn"]] = {
            key: value for key, value in tags.items() if key not in request["TagKeys"]}

    def list_tags(self, request: dict[str, Any], call: Call) -> dict[str, Any]:
        """Return the tags of a resource."""
        return {"Tags": _as_list(self._tagged(request["ResourceArn"]))}


def _as_list(tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _training_defaults(request: dict[str, Any]) -> dict[str, Any]:
    return {"ModelArtifacts": {"S3ModelArtifacts": ""},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86400} | request.get("StoppingCondition", {})}


DEFAULTS: dict[Kind, Callable[[dict[str, Any]], dict[str, Any]]] = {
    TRAINING: _training_defaults, PROCESSING: lambda request: {}, TRANSFORM: lambda request: {}}


def _desired(document: dict[str, Any], request: dict[str, Any] | None = None) -> dict[str, dict[str, Any]]:
    """Return weights and counts that an endpoint has now, less what the request excludes."""
    excluded = {each["VariantPropertyType"] for each in (request or {}).get("ExcludeRetainedVariantProperties", [])}
    members = {"DesiredWeight", "DesiredInstanceCount"} - excluded
    return {each["VariantName"]: {member: each[member] for member in members} for each in document.get("ProductionVariants", [])}


def _initial(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return weights and counts that a configuration begins with."""
    return {each["VariantName"]: {"DesiredWeight": each["InitialVariantWeight"],
                                  "DesiredInstanceCount": each.get("InitialInstanceCount", 1)}
            for each in config["ProductionVariants"]}
