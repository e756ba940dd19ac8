"""Words as `curation.kernels.words` defines them, character by character in Python."""

import unicodedata

OWN_WORD = ("CJK UNIFIED IDEOGRAPH-", "CJK COMPATIBILITY IDEOGRAPH-", "HIRAGANA ", "KATAKANA", "HALFWIDTH KATAKANA ")
OWN_WORD += (
    "IDEOGRAPHIC ",
    "HENTAIGANA ",
    "BOPOMOFO ",
    "VERTICAL KANA ",
    "VERTICAL IDEOGRAPHIC ",
    "HANGZHOU ",
    "TANGUT ",
)
SPACELESS_RUNS = ("THAI ", "LAO ", "KHMER ", "MYANMAR ")
JOINERS = "\u00ad\u200c\u200d"


def is_letter_or_number(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def is_own_word(character: str) -> bool:
    return is_letter_or_number(character) and unicodedata.name(character, "").startswith(OWN_WORD)


def extends(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character) in ("Mn", "Mc")


def is_spaceless(character: str) -> bool:
    in_run = unicodedata.name(character, "").startswith(SPACELESS_RUNS)
    return is_own_word(character) or (
        in_run
        and unicodedata.category(character)[0] in "LNM"
        and (is_letter_or_number(character) or extends(character))
    )


def lowered(word: str) -> str:
    """Lower case, character by character, where that keeps the number of UTF-8 bytes."""
    pairs = ((character, character.lower()) for character in word)
    return "".join(low if len(low) == 1 and len(low.encode()) == len(c.encode()) else c for c, low in pairs)


def words(text: str) -> list[tuple[int, str]]:
    """Returns (index of the first character, word) of each word."""
    found: list[tuple[int, str]] = []
    open_word = False
    for index, character in enumerate(text):
        if is_own_word(character):
            found.append((index, character))
            open_word = False
        elif is_letter_or_number(character):
            if open_word:
                found[-1] = (found[-1][0], found[-1][1] + character)
            else:
                found.append((index, character))
            open_word = True
        elif open_word and extends(character):
            found[-1] = (found[-1][0], found[-1][1] + character)
        else:
            open_word = False
    return found


def has_letter(word: str) -> bool:
    return any(unicodedata.category(character)[0] == "L" for character in word)


def word_hash(word: str) -> int:
    """The hash of the lower-cased bytes, in Python integers."""
    data = lowered(word).encode()
    seed_low, mixed = 0x01E7037ED1A00B01, 0x9E3779B97F4A7C15 ^ len(data)
    if len(data) <= 16:
        shift = max(0, 64 - 8 * len(data))
        head = int.from_bytes(data[:8], "little") << shift
        tail = int.from_bytes(data[-8:], "little")
        return _multiply(head ^ seed_low, tail ^ mixed)
    at = 0
    while at + 16 < len(data):
        mixed = _multiply(_eight(data, at) ^ seed_low, _eight(data, at + 8) ^ mixed)
        at += 16
    return _multiply(_eight(data, len(data) - 16) ^ seed_low, _eight(data, len(data) - 8) ^ mixed)


def _eight(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _multiply(left: int, right: int) -> int:
    product = left * right
    return (product ^ product >> 64) & (2**64 - 1)
