"""Keys and tokens: the patterns of detect-secrets, and PEM blocks of private keys.

Of detect-secrets (Yelp, Apache-2.0) those detectors that know a form: those that go by names of variables, by entropy,
or by two letters alone (Artifactory) are for source code and find words in prose.
"""

import functools
import re

import re2
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

from curation.kernels.byte_runs import flags_of
from curation.privacy.kinds import ALNUM, DIGITS, Context, Search

DETECTORS = (
    AWSKeyDetector,
    AzureStorageKeyDetector,
    BasicAuthDetector,
    DiscordBotTokenDetector,
    GitHubTokenDetector,
    GitLabTokenDetector,
    JwtTokenDetector,
    MailchimpDetector,
    NpmDetector,
    OpenAIDetector,
    PypiTokenDetector,
    SendGridDetector,
    SlackDetector,
    SquareOAuthDetector,
    StripeDetector,
    TelegramBotTokenDetector,
    TwilioKeyDetector,
)
PEM_LABEL = "private key"
PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
)
MIN_TOKEN_BYTES = 16
CONTEXT_BYTES = 64
"""Before a token: "aws_secret_access_key = " and the like, as far as detect-secrets' patterns reach back."""


def is_secret(found: bytes, _: Context) -> bool:
    """Returns whether a token with the form of a JSON web token is one; others are taken as they are."""
    return not found.startswith(b"eyJ") or bool(JwtTokenDetector.is_formally_valid(found.decode()))


@functools.cache
def pem_pattern() -> "re2._Regexp[bytes]":
    """Returns the pattern of a private key from its BEGIN to its END."""
    return re2.compile(PEM.encode())


def secret_search() -> Search:
    """Returns how tokens are looked for: in runs that have a digit, with what stands before."""
    patterns = [_as_re2(pattern) for detector in DETECTORS for pattern in detector.denylist]
    return Search(
        flags=flags_of(ALNUM + b"_-+/=.:@~%$&!?#,;'\"<>()[]*^|\\`", DIGITS),
        min_counted=1,
        min_bytes=MIN_TOKEN_BYTES,
        pattern="|".join(f"(?:{pattern})" for pattern in patterns),
        check=is_secret,
        before_bytes=CONTEXT_BYTES,
    )


def _as_re2(pattern: re.Pattern[str]) -> str:
    """Returns a pattern as RE2 takes it: it looks not ahead (what follows is checked apart), nor repeats above 1000."""
    text = pattern.pattern.replace(r"(?!\w)", "").replace(",1024}", ",}")
    return f"(?i:{text})" if pattern.flags & re.IGNORECASE else text
