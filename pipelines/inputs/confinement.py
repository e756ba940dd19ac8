"""What a run may open when somebody else chose its inputs: the service sets it in the environment of its jobs.

A path is checked when its file is open, by what the kernel says the descriptor is: no symbolic link that is swapped
between check and use leads out. An address is checked after the name was resolved, and that address is connected to:
no name that resolves to another one the next moment leads in. A model's server must be one that is named, for it gets
documents and the key of the environment. Without the variables everything is allowed.
"""

import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
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
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_AZURE = ipaddress.ip_address("168.63.129.16")
"""Azure's own agent answers a machine there, with its secrets: a public address that is none."""

Resolve = Callable[..., Sequence[tuple[int, int, int, str, tuple[object, ...]]]]
Dial = Callable[[tuple[str, int], float | None, tuple[str, int] | None], socket.socket]


def environment_of(roots: tuple[Path, ...], model_servers: tuple[str, ...]) -> dict[str, str]:
    """Returns the variables that confine a process to files below `roots`, public addresses and `model_servers`."""
    return {ROOTS: os.pathsep.join(map(str, roots)), PUBLIC: "1", MODEL_SERVERS: " ".join(model_servers)}


def allow(folder: Path) -> None:
    """Lets this process, where it is confined, read below one more folder, which it made itself."""
    roots = os.environ.get(ROOTS)
    if roots is not None:
        os.environ[ROOTS] = os.pathsep.join([roots, os.path.realpath(folder)])


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
    address: tuple[str, int],
    timeout: float | None = None,
    source: tuple[str, int] | None = None,
    *,
    resolve: Resolve = socket.getaddrinfo,
    dial: Dial = socket.create_connection,
) -> socket.socket:
    """Returns a connection as `socket.create_connection` does, but only to a public address.

    The name is resolved once, and what was checked is what is dialled: any spelling of an address (decimal, octal,
    mapped into IPv6) has become that address by then.

    Raises:
        OSError: the name does not resolve, one of its addresses is not public, or none answers.
    """
    host, port = address
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in resolve(host, port, type=socket.SOCK_STREAM)))
    for given in addresses:
        if not is_public(given):
            raise OSError(f"expected a public address, found {given} for {host}")
    failed = OSError(f"expected an address for {host}, found none")
    for given in addresses:
        try:
            return dial((given, port), timeout, source)
        except OSError as error:
            failed = error
    raise failed


def is_public(address: str) -> bool:
    """Tells whether an IP address is of the public internet: not private, link-local, loopback or multicast.

    Of IPv6 only what is assigned as global unicast is (RFC 4291, section 2.4); an IPv4 address inside is judged itself.
    """
    given = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(given, ipaddress.IPv4Address):
        return given.is_global and not given.is_multicast and given != _AZURE
    inside = given.ipv4_mapped or given.sixtofour
    if given in _NAT64:
        inside = ipaddress.IPv4Address(int(given) & 0xFFFFFFFF)
    if inside is not None:
        return is_public(str(inside))
    return given in _GLOBAL_UNICAST and given.is_global
