"""Templates as they look once deployed: what refers to a resource becomes the ARN or name that it has then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml

from tests.templates.evaluation import Evaluation
from tests.templates.sources import plain

HERE = "us-east-1:123456789012"
ID = "01234567-89ab-cdef-0123-456789abcdef"
ARNS = {  # of a resource with that name
    "AWS::CodeBuild::Project": f"arn:aws:codebuild:{HERE}:project/{{}}",
    "AWS::CodeCommit::Repository": f"arn:aws:codecommit:{HERE}:{{}}",
    "AWS::ECR::Repository": f"arn:aws:ecr:{HERE}:repository/{{}}",
    "AWS::EC2::VPC": f"arn:aws:ec2:{HERE}:vpc/{{}}",
    "AWS::EFS::AccessPoint": f"arn:aws:elasticfilesystem:{HERE}:access-point/fsap-0123456789abcdef0",
    "AWS::EFS::FileSystem": f"arn:aws:elasticfilesystem:{HERE}:file-system/fs-0123456789abcdef0",
    "AWS::Events::Rule": f"arn:aws:events:{HERE}:rule/{{}}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::123456789012:policy/{}",
    "AWS::KMS::Key": f"arn:aws:kms:{HERE}:key/{ID}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{HERE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{HERE}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{HERE}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{HERE}:{{}}",
    "AWS::Serverless::Function": f"arn:aws:lambda:{HERE}:function:{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{HERE}:stateMachine:{{}}",
}
REFERRED_BY_ARN = {"AWS::IAM::ManagedPolicy", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
PREFIX = "-".join(["p" * 10, "m" * 10, "p-" + "a" * 12])
VALUES = {  # of the parameters that stand in ARNs
    "SageMakerProjectId": "p-" + "a" * 12, "ModelName": "m" * 10, "ProjectPrefix": "p" * 10,
    "NamePrefix": PREFIX, "BucketName": f"{PREFIX}-123456789012", "DatasetBucket": "data-sets", "TemplateBucket": "templates",
    "EndpointName": f"{PREFIX}-01234567-p", "StudioRoleName": "studio",
    "KmsKeyArn": f"arn:aws:kms:{HERE}:key/{ID}", "TopicArn": f"arn:aws:sns:{HERE}:{PREFIX}",
    "AccessPointArn": f"arn:aws:elasticfilesystem:{HERE}:access-point/fsap-0123456789abcdef0",
    "JobRoleArn": f"arn:aws:iam::123456789012:role/{PREFIX}-job", "EndpointRoleArn": f"arn:aws:iam::123456789012:role/{PREFIX}-endpoint",
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
}


class Deployment(Evaluation):
    """One template, deployed."""

    def __init__(self, path: Path) -> None:
        template = plain(cfn_yaml.load(str(path)))
        template.setdefault("Parameters", {})
        super().__init__(template, {name: value for name, value in VALUES.items() if name in template["Parameters"]})

    def _ref(self, name: str) -> Any:
        kind = self.template["Resources"].get(name, {}).get("Type")
        return self.arn(name) if kind in REFERRED_BY_ARN else super()._ref(name)

    def _attribute(self, path: Any) -> str:
        key, attribute = path if isinstance(path, list) else path.split(".", 1)
        return self.arn(key) if attribute == "Arn" else super()._attribute(path)

    def arn(self, key: str) -> str:
        """Return the ARN of a resource of the template."""
        resource = self.template["Resources"][key]
        kind = resource["Type"]
        if kind not in ARNS:
            return super()._attribute([key, "Arn"])
        properties = resource.get("Properties", {})
        named = next((name for name in (f"{kind.split('::')[-1]}Name", "Name") if name in properties), None)
        return ARNS[kind].format(self.of(properties[named]) if named else key)
