"""What is personal data and what only looks like it, kind by kind; counts and spans of the signal."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.privacy.kinds import KINDS, Context, is_card, is_iban
from curation.privacy.personal_data import PersonalData

KEY = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIE\n-----END RSA PRIVATE KEY-----"
FOUND = [
    ("email", "Write to Anna.Lee+x@mail.firma.de.", "Anna.Lee+x@mail.firma.de"),
    ("email", "<o'neil@b-c.org>", "neil@b-c.org"),
    ("email", "漢字a@b.co漢字", "a@b.co"),
    ("phone", "Reach us: +44 20 7946 0958, any time.", "+44 20 7946 0958"),
    ("phone", "(415) 642-4948 is the number", "(415) 642-4948"),
    ("phone", "The office has 415-642-4948.", "415-642-4948"),
    ("phone", "Please call me at (96) 627-277", "(96) 627-277"),
    ("phone", "0228 207 1550 fax", "0228 207 1550"),
    ("phone", "Phone: 0490 75 40 81", "0490 75 40 81"),
    ("phone", "69 987 88 37 office", "69 987 88 37"),
    ("phone", "+447700 208 815-Fax", "+447700 208 815"),
    ("phone", "082 490 1693-Office, room 3", "082 490 1693"),
    ("ip", "from 91.198.174.192:80", "91.198.174.192"),
    ("ip", "at [2a02:ec80:300:ed1a::1]:443", "2a02:ec80:300:ed1a::1"),
    ("iban", "IBAN: DE89 3704 0044 0532 0130 00.", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB82WEST12345698765432", "GB82WEST12345698765432"),
    ("credit_card", "Card 4111 1111 1111 1111 12/27", "4111 1111 1111 1111"),
    ("credit_card", "378282246310005", "378282246310005"),
    ("credit_card", "3782 822463 10005", "3782 822463 10005"),
    ("secret", "id AKIAIOSFODNN7EXAMPLE!", "AKIAIOSFODNN7EXAMPLE"),
    ("secret", f"token=ghp_{'a1B2' * 9}", f"ghp_{'a1B2' * 9}"),
    ("secret", f"aws_secret = '{'a1B2+' * 8}'\naws_key: '{'a1B2/' * 8}'", f"aws_key: '{'a1B2/' * 8}'"),
    ("secret", "see https://user:pa55w0rd@host.org/x", "://user:pa55w0rd@"),
    ("secret", f"glpat-{'x1' * 10}", f"glpat-{'x1' * 10}"),
    ("secret", f"x\n{KEY}\ny", KEY),
]
NOT_FOUND = [
    ("email", "user@example.com or a@b.test, me@host, @name, a@b..c, x@1.2.3.4"),
    ("phone", "2020-01-15 10:30, 12/05/1999, 1914-1918, 3147526947, 415-642-4948-1234-5678-9999, 100.107"),
    ("phone", "Tel. 12345"),
    ("phone", "call on 2020-01-15 or 31/12/1999"),
    ("phone", "082 490 1693-Officers, the office has 69 987 88 37, 69 987 88 37 officers"),
    ("ip", "10.0.0.1 192.168.1.10 127.0.0.1 172.16.0.9 169.254.1.1 224.0.0.1 0.0.0.0 255.255.255.255 198.51.100.7"),
    (
        "ip",
        "aa:bb:cc:dd:ee:ff:00:11:22:33 fe80::1 ::1 fc00::1 2001:db8::1 1:2:3 10:30:45 v91.198.174.192 91.198.174.192.3 300.1.1.1 5.1.3.2",
    ),
    ("iban", "DE88 3704 0044 0532 0130 00 and XDE89370400440532013000"),
    ("credit_card", "4111 1111 1111 1112, 1234567812345678, 41111111111111111111, +4111111111111111"),
    ("secret", "a sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709, eyJ.eyJ, https://host:80/@x, APARTMENTHOUSE12"),
    ("secret", "-----BEGIN RSA PRIVATE KEY----- never ends"),
]


def spans(text, **settings):
    """(kind, what it covers) of each span of a text."""
    (row,) = PersonalData(**settings)(pa.record_batch({"text": pa.array([text])})).to_pylist()
    assert row["signal.num_pii"] == len(row["pii"])
    return [(span["kind"], text.encode()[span["start"] : span["end"]].decode()) for span in row["pii"]]


@pytest.mark.parametrize(("kind", "text", "expected"), FOUND)
def test_each_kind_is_found_where_it_stands_and_as_far_as_it_goes(kind, text, expected):
    assert spans(text) == [(kind, expected)]


@pytest.mark.parametrize(("kind", "text"), NOT_FOUND)
def test_what_only_looks_like_a_kind_is_left_alone(kind, text):
    assert [found for found in spans(text) if found[0] == kind] == []


def test_of_kinds_that_overlap_the_first_of_the_order_stays():
    assert spans("https://anna:s3cr3tpass@firma.de/ +44 20 7946 0958") == [
        ("secret", "://anna:s3cr3tpass@"),
        ("phone", "+44 20 7946 0958"),
    ]
    assert [kind for kind, _ in spans("mail a1@b.de 4111111111111111", kinds=("email",))] == ["email"]


def test_a_number_without_plus_is_dialled_in_the_regions_that_are_named():
    assert spans("0171 234 5678 is mine") == []
    assert spans("0171 234 5678 is mine", regions=("US", "DE")) == [("phone", "0171 234 5678")]


def test_counts_are_by_kind_and_a_null_text_has_none():
    texts = pa.array(["a@b.de, c@d.de and 91.198.174.192", None, "nobody"], pa.string())
    batch = PersonalData()(pa.record_batch({"text": texts}))
    assert batch["signal.num_pii_email"].to_pylist() == [2.0, 0.0, 0.0]
    assert batch["signal.num_pii_ip"].to_pylist() == [1.0, 0.0, 0.0]
    assert batch["signal.num_pii"].to_pylist() == [3.0, 0.0, 0.0]
    assert {name for name in batch.schema.names if name.startswith("signal.")} == {
        "signal.num_pii",
        *(f"signal.num_pii_{kind}" for kind in KINDS),
    }


@given(st.integers(0, 10**15), st.integers(0, 9))
def test_of_ten_last_digits_one_is_right_by_luhn(start, last):
    cards = [f"{start}{digit}".encode().rjust(13, b"4") for digit in range(10)]
    assert sum(is_card(card, Context(b"", b"", ())) for card in cards) == 1, last


@given(st.text("ABCXYZ0189", min_size=11, max_size=30))
def test_check_digits_of_an_account_are_right_by_iso_13616_and_no_others(account):
    number = int("".join(str(int(c, 36)) for c in account + "DE00"))
    right = 98 - number % 97
    valid = [check for check in range(2, 99) if is_iban(f"DE{check:02}{account}".encode(), Context(b"", b"", ()))]
    assert valid == [right]


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["@", "7", "a@b.c ", "1.1.1.1.", "+1 ", "::", "-----BEGIN PRIVATE KEY-----", "eyJ1.", "漢@"]
)
def test_a_long_text_of_nothing_else_takes_time_in_proportion_to_its_length(piece):
    import time

    def seconds(num_bytes):
        batch = pa.record_batch({"text": pa.array([piece * (num_bytes // len(piece.encode()))])})
        before = time.process_time()
        PersonalData()(batch)
        return time.process_time() - before

    seconds(1000)
    assert seconds(4_000_000) < 30 * max(seconds(400_000), 0.05)
