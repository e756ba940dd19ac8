"""Which addresses a model may be asked at: this machine, a private network, or the internet by https.

The address of the connection itself is checked, before anything is sent: a name that resolves otherwise a second time
reaches nothing else. Link-local addresses, where clouds keep their metadata, are refused always.
"""

import ipaddress
from typing import Literal
from urllib.parse import urlsplit

from curation.errors import SpecError
from pipelines.completing.completer import Paused
from pipelines.inputs.confinement import is_public
from pipelines.inputs.urls import strip_credentials

Network = Literal["loopback", "private", "public"]


def check_endpoint(url: str, network: Network) -> None:
    """Raises SpecError where `url` is no address that a model may be asked at."""
    shown = strip_credentials(url)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SpecError(f"completions.endpoint: expected a URL such as http://127.0.0.1:8000/v1, found {shown!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SpecError(
            f"completions.endpoint: expected no user, query or fragment, found {shown!r}; "
            "set the key as GRISTMILL_COMPLETIONS_KEY in the environment"
        )
    if network == "public" and parts.scheme != "https":
        raise SpecError(f"completions.endpoint: expected https where network is public, found {shown!r}")


def check_peer(address: str, network: Network) -> None:
    """Raises Paused where a connection to `address` (an IP) is not to `network`."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.is_link_local or ip.is_multicast or ip.is_unspecified:
        allowed = False
    elif network == "loopback":
        allowed = ip.is_loopback
    elif network == "private":
        allowed = ip.is_private and not ip.is_loopback
    else:
        allowed = is_public(str(ip))
    if not allowed:
        raise Paused(
            f"completions.endpoint: expected an address of network {network}, found {ip}; set completions.network"
        )
