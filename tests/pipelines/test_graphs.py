"""The graphs as Beam sees them: what meets a shuffle, and how it is encoded."""

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines import graphs
from pipelines.arrow_coder import RecordBatchCoder
from pipelines.inputs.units import WorkUnit
from pipelines.linking import BLOCK, Keys
from pipelines.measuring import Job
from pipelines.spec import InputSpec, JobSpec
from pipelines.store import Store
from pipelines.tokenize import PinnedTokenizer

JOB = Job(spec=JobSpec(job="t", inputs={"a": InputSpec(files=("x",))}), fingerprint="0" * 64, store=Store("nowhere"))
TOKENIZER = PinnedTokenizer(content=b"", sha256="", eos="", eos_id=0, vocab_size=1)
PARTS = ["part-0", "part-1"]
BUILDERS = {
    "measure": lambda p: graphs.measure(p, JOB, [(part, WorkUnit(index=0, source="a", pieces=())) for part in PARTS]),
    "judge": lambda p: graphs.judge(p, JOB, PARTS),
    "bands": lambda p: graphs.bands(p, JOB, list(enumerate(PARTS))),
    "candidates": lambda p: graphs.candidates(p, JOB, PARTS, keys=Keys(bands=2, partitions=2), chosen=range(4)),
    "links": lambda p: graphs.links(p, JOB, tuple(PARTS), [(0, 10), (10, 20)]),
    "decide": lambda p: graphs.decide(p, JOB, PARTS),
    "tokenize": lambda p: graphs.tokenize(p, JOB, PARTS, TOKENIZER),
}
SHUFFLES = {"beam:transform:group_by_key:v1", "beam:transform:reshuffle:v1"}
MAY_BE_SHUFFLED = {"WorkUnits", "Parts", "BandParts", "BandBlocks", "Ranges"}
"""Names of units and parts, and packed blocks; nothing here has a text."""


def proto_of(build):
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    build(pipeline)
    return pipeline.to_runner_api()


@pytest.mark.parametrize("name", BUILDERS)
def test_only_names_of_parts_and_packed_blocks_meet_a_shuffle(name):
    components = proto_of(BUILDERS[name]).components
    producers = {output: t.unique_name for t in components.transforms.values() for output in t.outputs.values()}
    shuffled = [
        producers[source].split("/")[0]
        for transform in components.transforms.values()
        if transform.spec.urn in SHUFFLES
        for source in transform.inputs.values()
    ]
    assert shuffled
    assert set(shuffled) <= MAY_BE_SHUFFLED | {"ByBandAndPartition"}


@pytest.mark.parametrize("name", BUILDERS)
def test_no_graph_has_a_side_input(name):
    from apache_beam.portability.api import beam_runner_api_pb2

    for transform in proto_of(BUILDERS[name]).components.transforms.values():
        if transform.spec.urn == "beam:transform:pardo:v1":
            payload = beam_runner_api_pb2.ParDoPayload.FromString(transform.spec.payload)
            assert not payload.side_inputs


def test_blocks_hold_hashes_and_ranks_and_travel_as_arrow():
    assert BLOCK.types == [pa.uint64(), pa.uint32()]
    components = proto_of(BUILDERS["candidates"]).components
    blocks = next(t for t in components.transforms.values() if t.unique_name == "BandBlocks")
    collection = components.pcollections[next(iter(blocks.outputs.values()))]
    coder = components.coders[collection.coder_id]
    value = components.coders[coder.component_coder_ids[1]]
    assert b"RecordBatchCoder" in value.spec.payload or "RecordBatchCoder" in str(value)


def test_a_slice_is_encoded_without_its_parent():
    batch = pa.record_batch({"text": ["x" * 1000] * 1000})
    encoded = RecordBatchCoder().encode(batch.slice(10, 3))
    assert len(encoded) < 5_000
    assert RecordBatchCoder().decode(encoded).equals(batch.slice(10, 3))
