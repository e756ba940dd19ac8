"""What a run may open when somebody else chose its inputs: the service sets it in the environment of its jobs.

A path is checked when its file is open, by what the kernel says the descriptor is: no symbolic link that is swapped
between check and use leads out. An address is checked after the name was resolved, and that address is connected to:
no name that resolves to another one the next moment leads in. A model's server must be one that is named, for it gets
documents and the key of the environment. Without the variables everything is allowed.
"""

import ipaddress
import os
import socket
from pathlib import Path

from curation.errors import InputError
from pipelines.inputs.urls import strip_credentials

ROOTS = "GRISTMILL_ALLOWED_ROOTS"
"""Folders, symbolic links resolved, as in PATH; unset: any file."""
PUBLIC = "GRISTMILL_PUBLIC_ADDRESSES_ONLY"
"""Set: https only to addresses of the public internet, and through no proxy, which would resolve names itself."""
MODEL_SERVERS = "GRISTMILL_ALLOWED_MODEL_SERVERS"
"""Endpoints that a model may be asked at, by spaces; empty: none; unset: any."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def environment_of(roots: tuple[Path, ...], model_servers: tuple[str, ...]) -> dict[str, str]:
    """Returns the variables that confine a process to files below `roots`, public addresses and `model_servers`."""
    return {ROOTS: os.pathsep.join(map(str, roots)), PUBLIC: "1", MODEL_SERVERS: " ".join(model_servers)}


def is_allowed(path: str) -> bool:
    """Tells whether the file at `path`, symbolic links resolved, may be opened."""
    roots = os.environ.get(ROOTS)
    if roots is None:
        return True
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(root) for root in roots.split(os.pathsep))


def check_opened(descriptor: int, path: str) -> None:
    """Checks an open file.

    Raises:
        InputError: it lies outside the allowed folders.
    """
    if ROOTS in os.environ and not is_allowed(os.readlink(f"/proc/self/fd/{descriptor}")):
        raise InputError(f"{path}: expected a file below {os.environ[ROOTS]}, found one elsewhere")


def check_model_server(url: str) -> None:
    """Checks the endpoint that a model is to be asked at.

    Raises:
        InputError: it is none of those that are allowed.
    """
    allowed = os.environ.get(MODEL_SERVERS)
    if allowed is not None:
        check_listed(url, tuple(allowed.split()))


def check_listed(url: str, allowed: tuple[str, ...]) -> None:
    """Checks that the endpoint is one of `allowed`; a slash at the end makes no other one.

    Raises:
        InputError: it is another.
    """
    if url.rstrip("/") not in {server.rstrip("/") for server in allowed}:
        listed = ", ".join(allowed) or "none"
        raise InputError(
            f"completions.endpoint: expected one of the servers that this service may ask ({listed}), found "
            f"{strip_credentials(url)!r}; gristmill serve --model-server adds one"
        )


def public_only() -> bool:
    """Tells whether only public addresses may be connected to."""
    return PUBLIC in os.environ


def connect(
    address: tuple[str, int], timeout: float | None = None, source: tuple[str, int] | None = None
) -> socket.socket:
    """Returns a connection as `socket.create_connection` does, but only to a public address.

    Raises:
        OSError: the name does not resolve, resolves to an address that is not public, or nothing answers.
    """
    host, port = address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    for given in addresses:
        if not is_public(given):
            raise OSError(f"expected a public address, found {given} for {host}")
    return socket.create_connection((addresses[0], port), timeout, source)


def is_public(address: str) -> bool:
    """Tells whether an IP address is of the public internet: not private, link-local, loopback or multicast."""
    given = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(given, ipaddress.IPv6Address):
        inside = given.ipv4_mapped or given.sixtofour
        if given in _NAT64:
            inside = ipaddress.IPv4Address(int(given) & 0xFFFFFFFF)
        if inside is not None:
            return is_public(str(inside))
    return given.is_global and not given.is_multicast
