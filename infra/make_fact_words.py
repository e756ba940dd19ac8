"""Writes curation/synthesis/verification/fact_words.json: months, units and number words by language.

Months and units are those of Unicode CLDR, as Babel has them; number words are num2words'. The table is committed, so
that a fact is the same wherever it is read. Run by hand where both are installed: `python infra/make_fact_words.py`.
"""

import json
from pathlib import Path

from babel import Locale
from babel.dates import get_month_names
from num2words import num2words

OUTPUT = Path(__file__).parent.parent / "curation" / "synthesis" / "verification" / "fact_words.json"
LANGUAGES = "ar cs da de el en es fi fr he hi hu id it ja ko nl no pl pt ro ru sv th tr uk vi zh".split()
NUMBERS = (*range(3, 21), 30, 40, 50, 60, 70, 80, 90, 100, 1000)
"""From 3: one and two are articles, pronouns and pairs in too many languages."""

UNITS = (
    "length-kilometer length-meter length-centimeter length-millimeter length-mile length-foot length-inch length-yard "
    "length-light-year mass-kilogram mass-gram mass-milligram mass-tonne mass-ton mass-pound mass-ounce volume-liter "
    "volume-milliliter volume-gallon volume-cubic-meter area-square-kilometer area-square-meter area-hectare area-acre "
    "area-square-mile temperature-celsius temperature-fahrenheit temperature-kelvin speed-kilometer-per-hour "
    "speed-mile-per-hour speed-meter-per-second duration-second duration-minute duration-hour duration-day "
    "duration-week duration-month duration-year duration-decade duration-century electric-volt electric-ampere "
    "power-watt power-kilowatt power-megawatt power-horsepower energy-joule energy-kilojoule energy-calorie "
    "energy-kilowatt-hour frequency-hertz frequency-kilohertz frequency-megahertz frequency-gigahertz digital-byte "
    "digital-kilobyte digital-megabyte digital-gigabyte digital-terabyte pressure-pascal pressure-hectopascal "
    "pressure-bar concentr-percent"
).split()
CURRENCIES = "USD EUR GBP JPY CNY RUB INR CHF".split()
PLURALS = ("zero", "one", "two", "few", "many", "other")
TOO_SHORT = {"in", "ac", "dec", "am"}
"""Short names that are common words after a number."""


def months_of(language: str) -> dict[str, int]:
    """Returns every name of a month, full and short, with its number."""
    found = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            names = get_month_names(width, context=context, locale=language)
            found |= {name.casefold().rstrip("."): number for number, name in names.items()}
    return {name: number for name, number in found.items() if not any(char.isdecimal() for char in name)}


def units_of(language: str) -> dict[str, str]:
    """Returns every name of a unit, full and short, with the unit; a name that two units share is of neither."""
    locale = Locale(language)
    found: dict[str, set[str]] = {}
    for unit in UNITS:
        for patterns in locale._data["unit_patterns"].get(unit, {}).values():
            for pattern in (patterns[plural] for plural in PLURALS if plural in patterns):
                found.setdefault(pattern.replace("{0}", "").strip(" \u00a0\u202f.").casefold(), set()).add(unit)
    for code in CURRENCIES:
        names = locale._data["currency_names_plural"].get(code, {}).values()
        for name in (*names, locale.currencies.get(code), locale.currency_symbols.get(code)):
            found.setdefault((name or "").casefold(), set()).add(f"currency-{code.lower()}")
    for name, power in magnitudes_of(locale):
        found.setdefault(name, set()).add(f"magnitude-{power}")
    return {name: min(units) for name, units in found.items() if len(units) == 1 and _is_telling(name)}


def magnitudes_of(locale: Locale) -> list[tuple[str, int]]:
    """Returns the words for powers of ten that follow a number, such as million."""
    forms = [form for width in ("long", "short") for form in locale._data["compact_decimal_formats"][width].values()]
    written = [(power, pattern.pattern) for form in forms for power, pattern in form.items()]
    return [
        (pattern.strip("0' \u00a0.").replace("'", "").casefold(), len(power) - pattern.count("0"))
        for power, pattern in written
    ]


def _is_telling(name: str) -> bool:
    is_letter = len(name) == 1 and name.lower() != name.upper() and name not in "mgl"
    return name != "" and name not in TOO_SHORT and not is_letter and name[0] not in "/#°"


def numbers_of(language: str) -> dict[str, int]:
    """Returns the words of small numbers that are one word; none where num2words lacks the language."""
    found = {}
    for number in NUMBERS:
        try:
            name = num2words(number, lang=language).casefold()
        except NotImplementedError:
            return {}
        if name.isalpha():
            found[name] = number
    return found


def main() -> None:
    """Writes the table, sorted, one language a line."""
    lines = []
    for language in LANGUAGES:
        british = units_of("en_GB") if language == "en" else {}
        units = {**british, **units_of(language)}
        words = {"months": months_of(language), "units": units, "numbers": numbers_of(language)}
        lines.append(f"{json.dumps(language)}: {json.dumps(words, ensure_ascii=False, sort_keys=True)}")
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{OUTPUT.name}: {len(LANGUAGES)} languages, {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
