"""Keys of the simulated API: which are good ones, and whose they are.

`sk-ant-sim-NAME` is the key of the credential NAME, of the organization `own`;
`sk-ant-sim-NAME@ORGANIZATION` is one of another organization.
"""

from __future__ import annotations

import hashlib
import uuid

SIMULATED_KEY_PREFIX = "sk-ant-sim-"
"""Any key that begins so is a valid one, unless the world is told which keys are."""

OWN = "own"
"""The organization of a key that names none."""

_OWN_ID = "00000000-0000-4000-8000-000000000000"
_BETWEEN = "@"


def simulated_key(name: str, organization: str | None = None) -> str:
    """The key of the credential `name`, of the organization `own` unless another is named."""
    whose = "" if organization in (None, OWN) else f"{_BETWEEN}{organization}"
    return f"{SIMULATED_KEY_PREFIX}{name}{whose}"


def key_names(key: str) -> tuple[str, str]:
    """The credential and the organization that a key names; other keys have no name."""
    name, _, organization = key.removeprefix(SIMULATED_KEY_PREFIX).partition(_BETWEEN)
    return name, organization or OWN


def organization_id(key: str) -> str:
    """The id of the key's organization: one and the same for all its keys."""
    _, organization = key_names(key)
    if organization == OWN:
        return _OWN_ID
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"organization:{organization}"))


def workspace_id(key: str) -> str:
    """The id of the key's workspace: each key has one of its own."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"wrkspc_01{digest[:22]}"
