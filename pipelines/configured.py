"""Signals that a spec configures, and the files that they read.

Until the files are found, a step holds their names as in the spec: enough for its schema.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from curation.contamination.contamination import Contamination
from curation.contamination.cutting import CutContamination
from curation.privacy.masking import MaskPersonalData
from curation.privacy.personal_data import PersonalData, placeholders
from curation.quality.language import Language
from curation.quality.listed import ListFile
from curation.quality.paragraph_languages import ParagraphLanguages
from curation.quality.urls import UrlRules
from curation.step import Step
from curation.verified_children import verification_steps
from pipelines.inputs.locations import is_url, local_path
from pipelines.spec import JobSpec
from pipelines.spec_signals import UrlListsSpec

LISTS = ("domains", "hosts", "pages", "strict_words", "hard_words", "soft_words")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A file on this machine, and the sha256 (hex) that it must have."""

    path: Path
    sha256: str


def configured_steps(spec: JobSpec, files: Mapping[str, LocalFile] | None = None) -> dict[str, Step]:
    """Returns the signals that are to measure as the spec says, by name.

    Args:
        spec: the job.
        files: where the files are, by the name in the spec; an optional one may be missing. None: not known yet.
    """
    model = spec.language_model
    pinned = model.path is not None and model.sha256 is not None
    local = (files or {}).get(model.path or "")
    language = Language(model=str(local.path) if local else model.path, sha256=model.sha256) if pinned else Language()
    paragraphs = ParagraphLanguages(model=language.model, sha256=language.sha256, **asdict(spec.paragraph_languages))
    return {"language": language, "paragraph_languages": paragraphs, "url_rules": _url_rules(spec.url_lists, files)}


def closing_steps(spec: JobSpec, files: Mapping[str, LocalFile] | None = None) -> tuple[tuple[Step, ...], ...]:
    """Returns what follows the last phase, each a signal and perhaps an edit: decontamination, then privacy.

    In this order, since a mask would part what an evaluation set has together.

    Args:
        spec: the job.
        files: see `configured_steps`.
    """
    return (*_decontamination(spec, files), *_privacy(spec, files))


def _decontamination(spec: JobSpec, files: Mapping[str, LocalFile] | None) -> Iterator[tuple[Step, ...]]:
    given = spec.decontamination
    if given is None:
        return
    local = (files or {}).get(given.index)
    index, sha256 = (str(local.path), local.sha256) if local else (given.index, given.sha256 or "")
    signal = Contamination(index=index, sha256=sha256)
    cut = CutContamination(index=index, sha256=sha256, window_bytes=given.window_bytes)
    yield (signal, cut) if given.cut else (signal,)


def _privacy(spec: JobSpec, files: Mapping[str, LocalFile] | None) -> Iterator[tuple[Step, ...]]:
    """Yields the measure of personal data, those of children, which read it, and the mask."""
    given = spec.privacy
    found = () if given is None else (PersonalData(kinds=given.find, regions=given.regions),)
    signals = (*found, *_verification(spec, files))
    masks = () if given is None else placeholders(given.mask, given.replace_with)
    if given is None or not masks:
        yield from ((signal,) for signal in signals)
        return
    yield from ((signal,) for signal in signals[:-1])
    yield signals[-1], MaskPersonalData(kinds=given.find, masks=masks, regions=given.regions)


def asks_model(spec: JobSpec) -> bool:
    """Returns whether a model writes documents of the job."""
    return spec.synthesis is not None and spec.synthesis.model is not None


def makes_children(spec: JobSpec) -> bool:
    """Returns whether the job makes documents, by a model or by rules, which read the language."""
    mines = spec.synthesis is not None and spec.synthesis.mined is not None
    measured = [*spec.signals, *(name for phase in spec.phases for name in phase.signals)]
    return asks_model(spec) or (mines and "language" in measured)


def _verification(spec: JobSpec, files: Mapping[str, LocalFile] | None) -> tuple[Step, ...]:
    """Returns what children are held against their parents by."""
    if not makes_children(spec):
        return ()
    language = configured_steps(spec, files)["language"]
    assert isinstance(language, Language), "so it is configured"
    has_privacy = spec.privacy is not None
    return verification_steps(language=language, personal_data=has_privacy, written=asks_model(spec))


def needed_files(spec: JobSpec, *, root: Path) -> Iterator[tuple[str, str | None]]:
    """Yields (name in the spec, sha256 that the spec expects or None) of every file that measuring reads.

    Args:
        spec: the job.
        root: folder that relative paths start from; a local category of UT1 may lack `urls`.
    """
    if spec.language_model.path is not None:
        yield spec.language_model.path, spec.language_model.sha256
    if spec.decontamination is not None:
        yield spec.decontamination.index, spec.decontamination.sha256
    for names in _names(spec.url_lists).values():
        for name in names or ():
            if is_url(name) or not _is_optional(name, spec.url_lists) or Path(local_path(name, root=root)).is_file():
                yield name, None


def named_lists(lists: UrlListsSpec) -> dict[str, list[str] | None]:
    """Returns what decisions call the lists, by key; where they lie is left out."""
    return {key: None if names is None else list(map(_shown, names)) for key, names in _names(lists).items()}


def _names(lists: UrlListsSpec) -> dict[str, tuple[str, ...] | None]:
    """Returns the files of each kind; null where the package's are meant."""
    names: dict[str, tuple[str, ...] | None] = {key: getattr(lists, key) for key in LISTS}
    folders = [f"{(lists.ut1 or '').rstrip('/')}/{category}" for category in lists.categories]
    names["domains"] = (*lists.domains, *(f"{folder}/domains" for folder in folders))
    names["pages"] = (*lists.pages, *(f"{folder}/urls" for folder in folders))
    return names


def _is_optional(name: str, lists: UrlListsSpec) -> bool:
    return name.endswith("/urls") and name not in lists.pages


def _url_rules(lists: UrlListsSpec, files: Mapping[str, LocalFile] | None) -> UrlRules:
    found = {key: None if names is None else _list_files(names, files) for key, names in _names(lists).items()}
    return UrlRules(
        domains=found["domains"] or (),
        hosts=found["hosts"] or (),
        pages=found["pages"] or (),
        strict_words=found["strict_words"],
        hard_words=found["hard_words"],
        soft_words=found["soft_words"],
    )


def _list_files(names: tuple[str, ...], files: Mapping[str, LocalFile] | None) -> tuple[ListFile, ...]:
    if files is None:
        return tuple(ListFile(path=name, name=_shown(name)) for name in names)
    there = [(name, files[name]) for name in names if name in files]
    return tuple(ListFile(path=str(file.path), name=_shown(name), sha256=file.sha256) for name, file in there)


def _shown(name: str) -> str:
    """Returns `adult/domains` of `/lists/ut1/adult/domains`: the last two parts of a path."""
    return "/".join(PurePosixPath(name).parts[-2:])
