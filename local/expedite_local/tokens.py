"""Access tokens of the stack's own user pool."""

import contextlib
import secrets

from expedite_local.aws import Aws


def issue(aws: Aws, user_pool_id: str, client_id: str, name: str) -> str:
    """An access token for the user of that name, who is created the first time.

    Nobody types the password: each token comes with a new one.
    """
    cognito = aws.client("cognito-idp")
    with contextlib.suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(UserPoolId=user_pool_id, Username=name, MessageAction="SUPPRESS")
    # One character of each kind that a pool's policy may ask for.
    password = f"{secrets.token_urlsafe(24)}aA1-"
    cognito.admin_set_user_password(UserPoolId=user_pool_id, Username=name, Password=password, Permanent=True)
    answer = cognito.admin_initiate_auth(
        UserPoolId=user_pool_id,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": name, "PASSWORD": password},
    )
    return answer["AuthenticationResult"]["AccessToken"]
