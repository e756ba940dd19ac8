"""`gristmill verify`: is a run, byte for byte and law by law, what its manifest says?"""

from curation.errors import GristmillError
from pipelines.conservation import findings
from pipelines.emitting import verify_export
from pipelines.manifest import FOLDERS, Manifest, read_manifest
from pipelines.rundir import open_run
from pipelines.store import Store


def verify_run(run: str) -> list[str]:
    """Returns what is wrong with a run, one line each; empty when all is well.

    Checks every file's size and sha256, that no other file lies in the run's folders, the laws of input,
    documents and tokens, and the export page by page.
    """
    store = Store(run)
    manifest = read_manifest(store)
    if manifest is None:
        return [f"{run}: no manifest.json: the run is unfinished; run it again to go on"]
    broken = _files(store, manifest)
    if broken:
        return broken
    try:
        broken = findings(open_run(run))
        if manifest.export is not None:
            broken += verify_export(store, manifest.export)
    except GristmillError as error:
        broken.append(str(error))
    return broken


def _files(store: Store, manifest: Manifest) -> list[str]:
    found = {name for folder in FOLDERS for name in store.names(folder)} | {"spec.yaml"}
    broken = [f"{name}: listed in the manifest, not there" for name in sorted(set(manifest.files) - found)]
    broken += [f"{name}: there, not listed in the manifest" for name in sorted(found - set(manifest.files))]
    for name in sorted(found & set(manifest.files)):
        num_bytes, sha256 = manifest.files[name]
        written = store.digest(name)
        if (written.bytes, written.sha256) != (num_bytes, sha256):
            broken.append(
                f"{name}: expected {num_bytes} bytes with sha256 {sha256[:16]}, "
                f"found {written.bytes} with {written.sha256[:16]}"
            )
    return broken
