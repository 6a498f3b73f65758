"""Projects as people make them: the published template and the form. And how it is to act in a role of one."""

import json

from tests.local.local_aws import LocalAws
from tests.local.project_runs import Project, until

ACCOUNT = "arn:aws:iam::000000000000:root"
FORM = {"ModelName": "churn", "Email": "admin@example.com"}


def publish(aws: LocalAws, organization: str, bucket: str) -> None:
    """Publish the organization template through a bucket, which is made here as the role of Studio's users is."""
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}]}
    aws.client("iam").create_role(RoleName=f"{organization}-studio", AssumeRolePolicyDocument=json.dumps(trust))
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != "us-east-1" else {}
    aws.client("s3").create_bucket(Bucket=bucket, **elsewhere)
    outcome = aws.run("bash", "scripts/build.sh", bucket, organization, aws.region, f"{organization}-studio")
    assert outcome.returncode == 0, outcome.stderr


def offer(aws: LocalAws, organization: str) -> dict[str, str]:
    """Return what create-project takes of a published template."""
    product = aws.client("cloudformation").describe_stack_resource(
        StackName=organization, LogicalResourceId="Product")["StackResourceDetail"]["PhysicalResourceId"]
    versions = aws.client("servicecatalog").list_provisioning_artifacts(ProductId=product)["ProvisioningArtifactDetails"]
    return {"ProductId": product, "ProvisioningArtifactId": versions[-1]["Id"]}


def create(aws: LocalAws, offered: dict[str, str], title: str, **form: str) -> tuple[Project, str]:
    """Fill in the form; return the project and the status in which it settles."""
    form, sagemaker = FORM | form, aws.client("sagemaker")
    sagemaker.create_project(ProjectName=title, ServiceCatalogProvisioningDetails=offered | {
        "ProvisioningParameters": [{"Key": key, "Value": value} for key, value in form.items()]})

    def settled() -> dict | None:
        found = sagemaker.describe_project(ProjectName=title)
        return None if found["ProjectStatus"] in ("Pending", "CreateInProgress") else found

    made = until(settled, f"project {title}")
    return Project(aws, f"{form['ProjectPrefix']}-{form['ModelName']}-{made['ProjectId']}"), made["ProjectStatus"]


def stop_first_run(project: Project) -> None:
    """End the run that the creation of a project starts."""
    [first] = until(project.runs, f"the run that the creation of {project.name} starts")
    project.stop(first["pipelineExecutionId"])
    codebuild = project.aws.client("codebuild")
    for build in codebuild.list_builds_for_project(projectName=f"{project.name}-build")["ids"]:
        codebuild.stop_build(id=build)


def in_role(aws: LocalAws, role: str) -> LocalAws:
    """Return the local AWS as somebody reaches it who acts in a role; its trust policy names people for a moment."""
    iam = aws.client("iam")
    found = iam.get_role(RoleName=role)["Role"]
    trust = found["AssumeRolePolicyDocument"]
    person = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust | {"Statement": [*trust["Statement"], person]}))
    session = aws.client("sts").assume_role(RoleArn=found["Arn"], RoleSessionName="curious")["Credentials"]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    return aws.called_by(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
