"""Templates as they look once deployed: what refers to a resource becomes the ARN or name that it has then."""

from __future__ import annotations

from typing import Any

from tests.templates.evaluation import Evaluation

HERE = "us-east-1:123456789012"
ID = "01234567-89ab-cdef-0123-456789abcdef"
ARNS = {  # of a resource with that name, or an id that AWS chooses
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:{HERE}:alarm:{{}}",
    "AWS::CloudWatch::Dashboard": "arn:aws:cloudwatch::123456789012:dashboard/{}",
    "AWS::CodeBuild::Project": f"arn:aws:codebuild:{HERE}:project/{{}}",
    "AWS::CodeCommit::Repository": f"arn:aws:codecommit:{HERE}:{{}}",
    "AWS::CodeDeploy::Application": f"arn:aws:codedeploy:{HERE}:application:{{}}",
    "AWS::CodeDeploy::DeploymentConfig": f"arn:aws:codedeploy:{HERE}:deploymentconfig:{{}}",
    "AWS::CodePipeline::Pipeline": f"arn:aws:codepipeline:{HERE}:{{}}",
    "AWS::ECR::Repository": f"arn:aws:ecr:{HERE}:repository/{{}}",
    "AWS::EC2::FlowLog": f"arn:aws:ec2:{HERE}:vpc-flow-log/fl-0123456789abcdef0",
    "AWS::EC2::InternetGateway": f"arn:aws:ec2:{HERE}:internet-gateway/igw-0123456789abcdef0",
    "AWS::EC2::RouteTable": f"arn:aws:ec2:{HERE}:route-table/rtb-0123456789abcdef0",
    "AWS::EC2::SecurityGroup": f"arn:aws:ec2:{HERE}:security-group/sg-0123456789abcdef0",
    "AWS::EC2::Subnet": f"arn:aws:ec2:{HERE}:subnet/subnet-0123456789abcdef0",
    "AWS::EC2::VPC": f"arn:aws:ec2:{HERE}:vpc/{{}}",
    "AWS::EC2::VPCEndpoint": f"arn:aws:ec2:{HERE}:vpc-endpoint/vpce-0123456789abcdef0",
    "AWS::EFS::AccessPoint": f"arn:aws:elasticfilesystem:{HERE}:access-point/fsap-0123456789abcdef0",
    "AWS::EFS::FileSystem": f"arn:aws:elasticfilesystem:{HERE}:file-system/fs-0123456789abcdef0",
    "AWS::Events::Rule": f"arn:aws:events:{HERE}:rule/{{}}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::123456789012:policy/{}",
    "AWS::KMS::Alias": f"arn:aws:kms:{HERE}:{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{HERE}:key/{ID}",
    "AWS::Lambda::Alias": f"arn:aws:lambda:{HERE}:function:{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{HERE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{HERE}:log-group:{{}}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{HERE}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{HERE}:{{}}",
    "AWS::SSM::Parameter": f"arn:aws:ssm:{HERE}:parameter{{}}",
    "AWS::SageMaker::DataQualityJobDefinition": f"arn:aws:sagemaker:{HERE}:data-quality-job-definition/{{}}",
    "AWS::SageMaker::Endpoint": f"arn:aws:sagemaker:{HERE}:endpoint/{{}}",
    "AWS::SageMaker::EndpointConfig": f"arn:aws:sagemaker:{HERE}:endpoint-config/{{}}",
    "AWS::SageMaker::Model": f"arn:aws:sagemaker:{HERE}:model/{{}}",
    "AWS::SageMaker::MonitoringSchedule": f"arn:aws:sagemaker:{HERE}:monitoring-schedule/{{}}",
    "AWS::Serverless::Function": f"arn:aws:lambda:{HERE}:function:{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{HERE}:stateMachine:{{}}",
}
REFERRED_BY_ARN = {"AWS::IAM::ManagedPolicy", "AWS::Lambda::Alias", "AWS::SNS::Topic", "AWS::SageMaker::DataQualityJobDefinition",
                   "AWS::StepFunctions::StateMachine"}
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
    """One template (sources.template) with values over those above, deployed as a stack; without a name, ids stand for names that AWS makes up."""

    def __init__(self, template: dict[str, Any], stack: str = "", **values: str) -> None:
        super().__init__(template, {name: value for name, value in (VALUES | values).items() if name in template.get("Parameters", {})})
        self.stack = stack

    def _ref(self, name: str) -> Any:
        kind = self.template["Resources"].get(name, {}).get("Type")
        return self.arn(name) if kind in REFERRED_BY_ARN else self.name(name) if kind else super()._ref(name)

    def _attribute(self, path: Any) -> str:
        key, attribute = path if isinstance(path, list) else path.split(".", 1)
        return self.arn(key) if attribute == "Arn" else super()._attribute(path)

    def arn(self, key: str) -> str:
        """Return the ARN of a resource of the template."""
        resource = self.template["Resources"][key]
        kind = resource["Type"]
        if kind not in ARNS:
            return super()._attribute([key, "Arn"])
        return ARNS[kind].format(self.name(key))

    def name(self, key: str) -> str:
        """Return the physical name of a resource of the template, or one like those that CloudFormation makes up."""
        resource = self.template["Resources"][key]
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Alias":
            return f"{self.of(properties['FunctionName'])}:{self.of(properties['Name'])}"
        named = (f"{resource['Type'].split('::')[-1]}Name", "Name")
        return str(next((self.of(properties[name]) for name in named if name in properties),
                        f"{self.stack}-{key}-0A1B2C3D4E5F" if self.stack else key))
