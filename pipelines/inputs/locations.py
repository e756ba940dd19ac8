"""Where inputs may lie: local paths, object stores (by pyarrow.fs), Hugging Face and https.

Only these protocols, never chained ones (`zip::https://...`). Credentials and endpoints come from the environment as
the providers define it (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, HF_TOKEN ...), never from a spec.
"""

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow.fs as pafs

from curation.errors import InputError
from pipelines.inputs.urls import strip_credentials

ALLOWED = ("file", "s3", "gs", "az", "hf", "https")
_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]*)://")
_CHAINED = re.compile(r"^[A-Za-z0-9+.\-]+(?:://[^:]*)?::")


def is_url(location: str) -> bool:
    """Tells whether `location` names a protocol (`file://` included)."""
    return _SCHEME.match(location) is not None or _CHAINED.match(location) is not None


def scheme_of(location: str) -> str:
    """Returns the protocol of `location`, `file` for a path.

    Raises:
        InputError: a protocol that is not in `ALLOWED`, or a chained URL.
    """
    shown = strip_credentials(location)
    if _CHAINED.match(location):
        raise InputError(f"{shown}: expected one path or URL, found a chained URL; copy the file out first")
    match = _SCHEME.match(location)
    scheme = match.group(1).lower() if match else "file"
    if scheme not in ALLOWED:
        raise InputError(f"{shown}: expected a path or a URL of {', '.join(ALLOWED)}, found protocol {scheme!r}")
    if match and location[match.end() :].partition("/")[0].count("@"):
        raise InputError(f"{shown}: expected no credentials in the URL; set them in the environment")
    return scheme


def local_path(location: str, *, root: Path) -> str:
    """Returns the absolute path of a local `location` (a path or `file://` URL); symlinks are kept.

    Raises:
        InputError: a `file://` URL of another host.
    """
    if _SCHEME.match(location):
        parts = urlsplit(location)
        if parts.netloc not in ("", "localhost"):
            raise InputError(f"{location}: expected file:///path, found host {parts.netloc!r}")
        location = unquote(parts.path, errors="surrogateescape")
    return os.path.normpath(os.path.join(os.path.abspath(root), os.path.expanduser(location)))


def remote(location: str) -> tuple[pafs.FileSystem, str]:
    """Returns the file system of an object-store URL and the path in it (`bucket/key`).

    Raises:
        InputError: the support library is missing.
    """
    scheme = scheme_of(location)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return _filesystem(scheme, endpoint, region), location.split("://", 1)[1].strip("/")


@cache
def _filesystem(scheme: str, endpoint: str | None, region: str | None) -> pafs.FileSystem:
    """Returns a connected file system; endpoint and region are S3's."""
    if scheme == "s3":
        # A bucket's region is looked up on AWS itself, which another endpoint is not.
        return pafs.S3FileSystem(endpoint_override=endpoint, region=region or ("us-east-1" if endpoint else None))
    if scheme == "gs":
        return pafs.GcsFileSystem()
    if scheme == "az":
        return pafs.AzureFileSystem(account_name=os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", ""))
    try:
        from huggingface_hub import HfFileSystem  # noqa: PLC0415 - heavy, and only for hf://
    except ImportError:
        raise InputError("hf:// inputs: expected the package huggingface_hub; pip install huggingface_hub") from None
    return pafs.PyFileSystem(pafs.FSSpecHandler(HfFileSystem()))
