"""Words as `curation.kernels.words` defines them, character by character in Python."""

import re
import unicodedata
from collections.abc import Callable

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
FOLLOWING = "ฯะาำๅๆ" + "ຯະາຳຽໆ" + "ៗៜ" + "\uaa70\ua9e6"
BEGINS = re.compile(f"(?=[฀-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f])[^\\W\\d{FOLLOWING}]")
JOINS_NEXT = re.compile("[เ-ไເ-ໄ\u17d2\u1039]")
CLOSES = re.compile("(?![เ-ไເ-ໄ])[^\\W\\d]\\u1037*[\\u1039\\u103a]")
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


def is_run_letter(character: str) -> bool:
    return is_letter_or_number(character) and is_spaceless(character) and not is_own_word(character)


def clusters(run: str) -> list[str]:
    """The clusters and numbers of a run of Thai, Lao, Khmer or Burmese, in order."""
    pieces: list[str] = []
    in_number = False
    for index, character in enumerate(run):
        number = in_number if extends(character) else unicodedata.category(character)[0] == "N"
        begins = BEGINS.match(character) and not JOINS_NEXT.match(run[index - 1] if index else "")
        closes = bool(pieces) and not in_number and CLOSES.match(run[index:])
        if not pieces or number != in_number or (begins and not closes):
            pieces.append("")
        pieces[-1] += character
        in_number = number
    return pieces


def lowered(word: str) -> str:
    """Lower case, character by character, where that keeps the number of UTF-8 bytes."""
    pairs = ((character, character.lower()) for character in word)
    return "".join(low if len(low) == 1 and len(low.encode()) == len(c.encode()) else c for c, low in pairs)


def words(text: str) -> list[tuple[int, str]]:
    """Returns (index of the first character, word) of each word."""
    found: list[tuple[int, str]] = []
    open_word = False
    index = 0
    while index < len(text):
        character = text[index]
        if is_run_letter(character):
            for piece in clusters(run_at(text, index)):
                found.append((index, piece))
                index += len(piece)
            open_word = False
            continue
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
        index += 1
    return found


def run_at(text: str, index: int) -> str:
    """The letters, digits, marks and joiners of a script without spaces from `index` on."""
    end = index
    while end < len(text) and (is_run_letter(text[end]) or extends(text[end])):
        end += 1
    return text[index:end]


def has_letter(word: str) -> bool:
    return any(unicodedata.category(character)[0] == "L" for character in word)


def word_hash(word: str, fold: Callable[[str], str] = lowered) -> int:
    """The hash of the folded bytes, in Python integers."""
    data = fold(word).encode()
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


def content_hash(data: bytes) -> int:
    """The hash of a document's bytes, in Python integers."""
    seed_low, at = 0x01E7037ED1A00B01, 0
    mixed = _multiply(0x9E3779B97F4A7C15 ^ len(data), seed_low)
    while at + 16 <= len(data):
        mixed = _multiply(_eight(data, at) ^ seed_low, _eight(data, at + 8) ^ mixed)
        at += 16
    rest = data[at:]
    if len(rest) < 8:
        return _multiply(int.from_bytes(rest, "big") ^ seed_low, mixed)
    return _multiply(_eight(data, at) ^ seed_low, _eight(data, len(data) - 8) ^ mixed)


def _eight(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _multiply(left: int, right: int) -> int:
    product = left * right
    return (product ^ product >> 64) & (2**64 - 1)


def simplified(word: str) -> str:
    """What FineWeb compares of a word: lower case, runs of digits as `0`, without diacritics."""
    found = "".join(map(simplified_character, word))
    return re.sub("0+", "0", found)


def simplified_character(character: str) -> str:
    low = character.lower()
    bare = "".join(c for c in unicodedata.normalize("NFD", low) if unicodedata.category(c) != "Mn")
    if len(bare) > 1:
        bare = low if len(low) == 1 else character
    return "0" if bare and unicodedata.category(bare) == "Nd" else bare.replace("ς", "σ")
