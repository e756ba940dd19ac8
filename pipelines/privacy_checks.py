"""What a spec says about personal data, as far as types cannot: kinds that belong together, countries that exist."""

from collections.abc import Iterator

from phonenumbers import SUPPORTED_REGIONS

from pipelines.spec_signals import PrivacySpec


def privacy_findings(privacy: PrivacySpec | None) -> Iterator[tuple[str, str]]:
    """Yields (path of the key, message) of everything that is wrong."""
    if privacy is None:
        return
    if not privacy.find:
        yield "privacy.find", "expected one kind or more, found none. Leave `privacy` out to look for none."
    for key, kinds in (("find", privacy.find), ("mask", privacy.mask)):
        for index, kind in enumerate(kinds):
            if kind in kinds[:index]:
                yield f"privacy.{key}[{index}]", f"expected each kind once, found {kind!r} twice"
    for index, kind in enumerate(privacy.mask):
        if kind not in privacy.find:
            found = "[" + ", ".join(privacy.find) + "]"
            yield f"privacy.mask[{index}]", f"expected a kind of privacy.find ({found}), found {kind!r}"
    for name in privacy.replace_with:
        if name not in privacy.mask:
            found = ", ".join(privacy.mask) or "none"
            yield f"privacy.replace_with.{name}", f"expected a kind of privacy.mask ({found}), found {name!r}"
    for index, region in enumerate(privacy.regions):
        if region not in SUPPORTED_REGIONS:
            yield f"privacy.regions[{index}]", f"expected a country by its two letters, such as US, found {region!r}"
