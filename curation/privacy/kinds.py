"""What personal data looks like: per kind, the bytes it is made of, a pattern, and a check of what matched.

A search is cheap first: runs of a kind's bytes (`curation.kernels.byte_runs`), RE2 on these alone, then a check that
only few matches reach: mod 97 of ISO 13616 for IBANs, Luhn of ISO/IEC 7812-1 for cards, the registries of IANA for
addresses, Google's libphonenumber for telephone numbers, detect-secrets' patterns for keys and tokens.
"""

import functools
import ipaddress
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import phonenumbers
import re2

from curation.kernels.byte_runs import flags_of
from curation.kernels.words import Bytes

Kind = Literal["secret", "iban", "credit_card", "email", "ip", "phone"]
KINDS: tuple[Kind, ...] = ("secret", "iban", "credit_card", "email", "ip", "phone")
"""In this order: where two spans overlap, that of the earlier kind stays."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a check may look at beside what matched."""

    before: bytes
    after: bytes
    """What stands just before and just after."""
    regions: tuple[str, ...]
    """Where a telephone number without + may be dialled."""


Check = Callable[[bytes, Context], bool]
AROUND_BYTES = (40, 12)
"""Of the text before and after: a sentence's verb ("call me at the office on ..."), the label of a list ("... fax")."""

ALNUM = (string.ascii_letters + string.digits).encode()
DIGITS = string.digits.encode()

MAX_PHONE_DIGITS = 15  # ITU-T E.164, section 6
MIN_PHONE_DIGITS = 7
CARD_DIGITS = range(12, 20)  # ISO/IEC 7812-1: at most 19; Maestro has 12
IBAN_BYTES = range(15, 35)  # ISO 13616: at most 34; Norway has 15
OTHERS_DOMAINS = (b"example.com", b"example.net", b"example.org", b"example", b"invalid", b"test", b"localhost")
"""Names that RFC 2606 sets aside: addresses there are nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How one kind is looked for."""

    flags: Bytes
    """Bytes of a run that may hold one, and those that count; see `curation.kernels.byte_runs`."""
    min_counted: int
    min_bytes: int
    pattern: str
    check: Check
    joiners: bytes = b""
    """Bytes after which a letter or digit would belong to what was found, so that it is something else."""
    labels: tuple[bytes, ...] = ()
    """Words, small, that may follow a joiner all the same ("415-642-4948-Fax")."""
    before_bytes: int = 0
    """How much before a run the pattern may read too."""


def is_email(found: bytes, _: Context) -> bool:
    """Returns whether an address may be someone's: not at a name that RFC 2606 sets aside."""
    domain = found.rpartition(b"@")[2].lower()
    return not any(domain == name or domain.endswith(b"." + name) for name in OTHERS_DOMAINS)


def is_public_ip(found: bytes, _: Context) -> bool:
    """Returns whether IANA's registries call an address globally reachable: not private, reserved or multicast.

    Four numbers below 10 are taken for a section or a version ("5.1.3.2"); the few addresses of this form are servers.
    """
    try:
        address = ipaddress.ip_address(found.decode())
    except ValueError:
        return False
    is_outline = isinstance(address, ipaddress.IPv4Address) and max(address.packed) < 10  # noqa: PLR2004
    return address.is_global and not address.is_multicast and not is_outline


def is_iban(found: bytes, _: Context) -> bool:
    """Returns whether the check digits of an account number are right (ISO 13616: mod 97 is 1)."""
    compact = found.replace(b" ", b"")
    if len(compact) not in IBAN_BYTES:
        return False
    return int("".join(str(int(chr(byte), 36)) for byte in compact[4:] + compact[:4])) % 97 == 1


def is_card(found: bytes, _: Context) -> bool:
    """Returns whether the check digit of a card number is right (ISO/IEC 7812-1, annex B: Luhn)."""
    digits = [byte - ord("0") for byte in found if byte in DIGITS]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return len(digits) in CARD_DIGITS and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_phone(found: bytes, context: Context) -> bool:
    """Returns whether digits are a telephone number: 7 to 15 of them, and no date, of which one of these holds.

    A + before them and a length that libphonenumber knows for the country; a word such as "call" or "fax" beside them;
    or groups of digits that are valid by libphonenumber, after 00 or as dialled in one of the regions. Bare digits
    without + or word are more often anything else.
    """
    digits = found.partition(b"x")[0]
    if not MIN_PHONE_DIGITS <= sum(byte in DIGITS for byte in digits) <= MAX_PHONE_DIGITS:
        return False
    text = found.decode()
    if text.startswith("+"):
        number = _parsed(text, None)
        return number is not None and bool(phonenumbers.is_possible_number(number))
    if _date().fullmatch(found):
        return False
    if _has_phone_word(context):
        return True
    if digits.strip(b"()").isdigit():
        return False
    read = [(f"+{text[2:]}", None)] if text.startswith("00") else [(text, region) for region in context.regions]
    return any(number and phonenumbers.is_valid_number(number) for number in (_parsed(*one) for one in read))


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _has_phone_word(context: Context) -> bool:
    """Returns whether a word near the digits, or a label just after them, says that they are a telephone number."""
    is_near = any(_phone_word().search(text) for text in (context.before, context.after))
    return is_near or bool(_label_after().match(context.after))


@functools.cache
def _phone_word() -> "re2._Regexp[bytes]":
    return re2.compile(f"(?i)\\b(?:{'|'.join(PHONE_WORDS)})\\b".encode())


@functools.cache
def _label_after() -> "re2._Regexp[bytes]":
    return re2.compile(rb"(?i)[ -](?:" + b"|".join(PHONE_LABELS) + rb")\b")


@functools.cache
def _date() -> "re2._Regexp[bytes]":
    return re2.compile(
        rb"(?:[12]\d{3}[-/. ][0-3]?\d[-/. ][0-3]?\d|"
        rb"[0-3]?\d[-/. ][0-3]?\d[-/. ][12]\d{3}|\d{4} ?[-/] ?\d{4})(?: .*)?"
    )


EMAIL_BYTES = ALNUM + b"._%+-@"
IP_BYTES = string.hexdigits.encode() + b".:"
PHONE_WORDS = (
    *("phone", "telephone", "tel", "mobile", "cell", "cellphone", "fax", "call", "dial", "sms", "whatsapp"),
    *("answering", "desk"),
    *("telefon", "mobil", "handy", "téléphone", "tél", "appelez", "portable", "teléfono", "telefono", "móvil", "llame"),
    *("celular", "telefone", "ligue", "cellulare", "chiama", "телефон", "тел"),
)
PHONE_LABELS = (b"office", b"desk", b"home", b"work", b"fax", b"phone", b"mobile", b"cell")
"""After a number, as in lists of addresses and signatures: the first of them say nothing elsewhere."""
PHONE_BYTES = DIGITS + b"+()-./ x"
_ISSUER = r"(?:1800|2131|2[2-7]\d\d|[3-6]\d{3})"  # what the schemes begin with; Luhn and the length decide

SEARCHES: dict[Kind, Search] = {
    "iban": Search(
        flags=flags_of(ALNUM + b" ", DIGITS),
        min_counted=8,
        min_bytes=IBAN_BYTES[0],
        pattern=r"[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11,30}|(?: [A-Za-z0-9]{4}){2,7}(?: [A-Za-z0-9]{1,3})?)",
        check=is_iban,
    ),
    "credit_card": Search(
        flags=flags_of(DIGITS + b" -", DIGITS),
        min_counted=CARD_DIGITS[0],
        min_bytes=CARD_DIGITS[0],
        pattern=f"{_ISSUER}(?:\\d{{8,15}}|(?:[ -]\\d{{4}}){{2}}[ -]\\d{{1,4}})|3\\d{{3}}[ -]\\d{{6}}[ -]\\d{{4,5}}",
        joiners=b"+-",
        check=is_card,
    ),
    "email": Search(
        flags=flags_of(EMAIL_BYTES, b"@"),
        min_counted=1,
        min_bytes=6,
        pattern=r"[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}",
        check=is_email,
    ),
    "ip": Search(
        flags=flags_of(IP_BYTES, b".:"),
        min_counted=2,
        min_bytes=7,
        pattern=r"(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4}(?::{1,2}[0-9A-Fa-f]{1,4}){2,40}|[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){1,6}::",
        check=is_public_ip,
        joiners=b".",
    ),
    "phone": Search(
        flags=flags_of(PHONE_BYTES, DIGITS),
        min_counted=MIN_PHONE_DIGITS,
        min_bytes=MIN_PHONE_DIGITS,
        pattern=r"\+?\(?\d{1,4}\)?(?:[ ./-]{0,2}\(?\d{1,8}\)?){1,6}(?: ?x\d{1,5})?",
        check=is_phone,
        joiners=b".-/",
        labels=PHONE_LABELS,
    ),
}
