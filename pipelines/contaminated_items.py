"""`contamination/`: every item of the evaluation sets, and what became of the documents that have something of it."""

import pyarrow as pa

from curation.contamination.loaded import loaded_index
from curation.schema import CONTAMINATED_ITEMS
from pipelines.artifacts import local_files
from pipelines.measuring import Job
from pipelines.parts import write_part
from pipelines.rundir import open_run

ITEMS = """
WITH hits AS (SELECT doc_id, unnest(contamination) AS hit FROM measured),
found AS (
    SELECT hit.item AS item, max(hit.num_found) AS most_found, count(*) AS num_documents,
           count(*) FILTER (state = 'kept') AS num_kept, count(*) FILTER (state = 'review') AS num_review,
           count(*) FILTER (state = 'dropped') AS num_dropped
    FROM hits JOIN decisions USING (doc_id) GROUP BY 1)
SELECT split_part(item, '/', 1) AS "set", item, num_grams, coalesce(most_found, 0) AS most_found,
       coalesce(num_documents, 0) AS num_documents, coalesce(num_kept, 0) AS num_kept,
       coalesce(num_review, 0) AS num_review, coalesce(num_dropped, 0) AS num_dropped
FROM (SELECT item, max(num_grams) AS num_grams FROM items GROUP BY 1) LEFT JOIN found USING (item) ORDER BY "set", item
"""


def write_contaminated_items(job: Job) -> None:
    """Publishes the table of items, one row each; nothing where the spec asks for no decontamination."""
    given = job.spec.decontamination
    if given is None:
        return
    file = local_files(job.artifacts)[given.index]
    index = loaded_index(str(file.path), file.sha256)
    with open_run(job.store.uri).connect() as connection:
        connection.register("items", pa.table({"item": index.names, "num_grams": index.num_grams_T}))
        table = connection.sql(ITEMS).to_arrow_table().cast(CONTAMINATED_ITEMS)
    write_part(job.store, "contamination/items.parquet", CONTAMINATED_ITEMS, table.to_batches())
