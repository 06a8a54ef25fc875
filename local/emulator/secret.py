"""Secrets Manager in CloudFormation."""

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from emulator.gaps import gap


@gap("secret-ref")
def ref_of_a_secret_is_its_arn() -> None:
    """1.5.33: ``!Ref`` of an ``AWS::SecretsManager::Secret`` gives its name; CloudFormation gives its ARN.

    A policy that names the secret by ``!Ref`` then allows nothing.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def create_with_arn(logical_id, props, stack_name):
        _name, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes

    def update_with_arn(physical_id, old_props, new_props, stack_name, logical_id=None):
        _name, attributes = update(_name_of(physical_id), old_props, new_props, stack_name, logical_id=logical_id)
        return attributes["Arn"], attributes

    def delete_by_arn(physical_id, props):
        return delete(_name_of(physical_id), props)

    handlers.update(create=create_with_arn, update=update_with_arn, delete=delete_by_arn)


def _name_of(arn: str) -> str:
    """The name under which MiniStack keeps the secret with this ARN."""
    return next((name for name, secret in secretsmanager._secrets.items() if secret["ARN"] == arn), arn)
