# Request: Train
"""A workflow whose training job has a misspelt member."""

TEMPLATE = """
Resources:
  Workflow:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !Sub arn:${AWS::Partition}:iam::${AWS::AccountId}:role/workflow
      Definition:
        StartAt: Train
        States:
          Train:
            Type: Task
            Resource: arn:aws:states:::sagemaker:createTrainingJob.sync
            Parameters: {TrainingJobNam: train}
            End: true
"""


def rendered(_: object) -> str:
    """Return the template."""
    return TEMPLATE
