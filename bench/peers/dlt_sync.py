"""The same people with dlt's rest_api source, merged by id; prints the seconds that the pipeline took."""

import logging
import sys
import time
from pathlib import Path

import dlt
from dlt.sources.rest_api import rest_api_source

url, folder, destination = sys.argv[1:]
logging.disable(logging.WARNING)
file = Path(folder, f"peer.{destination}")
sqlite, duckdb = dlt.destinations.sqlalchemy, dlt.destinations.duckdb
target = sqlite(f"sqlite:///{file}") if destination == "sqlite" else duckdb(str(file))
source = rest_api_source(
    {
        "client": {
            "base_url": url,
            "paginator": {"type": "offset", "limit": 1000, "total_path": "total"},
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": [{"name": "people", "endpoint": {"path": "people", "data_selector": "data"}}],
    }
)
pipeline = dlt.pipeline(
    f"peer_{destination}", destination=target, dataset_name="loaded", pipelines_dir=str(Path(folder, "pipelines"))
)
started = time.perf_counter()
pipeline.run(source)
print(time.perf_counter() - started)
