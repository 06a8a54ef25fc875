"""The emulator as a client sees it: one account, one region, a key that may do everything."""

import os
from dataclasses import dataclass

import boto3

REGION = "us-east-1"
_KEY = "test"


@dataclass(frozen=True)
class Aws:
    """Where AWS is for this system."""

    endpoint_url: str

    def environment(self) -> dict[str, str]:
        """What points a process at the emulator, and at nothing of this user's own AWS settings."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _KEY,
        }

    def client(self, service: str):
        return boto3.client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=_KEY,
            aws_secret_access_key=_KEY,
        )
