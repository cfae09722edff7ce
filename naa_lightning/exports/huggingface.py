"""Exports as a data set of Hugging Face: a folder with a Parquet file, in which images are PNG files."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from naa_lightning.exceptions import UserError
from naa_lightning.exports.contents import Description, Export, ImagePair, checked_files, origin_of, reading
from naa_lightning.image_file import encode_png

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

SPLIT = "test"
_IMAGE, _FILE, _LABEL, _CLEAN = "adversarial", "file", "label", "clean_sha256"
_ORIGIN = b"naa_lightning"
# Images of a row group: what a reader holds in memory at once.
ROWS = 100
# Bytes that a row group may take in memory.
MOST_BYTES = 2**31


def write_huggingface(path: Path, pairs: Iterable[ImagePair], description: Description) -> None:
    """Write a folder with the split `test`.

    Its columns are `clean` and `adversarial`, images; `label`, a class by its name where names are known, else a
    number; `target_class` (-1: none), `id`, `file`, `clean_sha256` and `adversarial_sha256`. What made the images
    stands as JSON in the file's metadata under `naa_lightning`.

    Args:
        path: The folder.
        pairs: The images.
        description: What it says of them.

    Raises:
        UserError: The package `datasets` is missing.
        OSError: It cannot be written.
    """
    import pyarrow as pa  # noqa: PLC0415 - others need not wait for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    features = _features(description.class_names)
    schema = features.with_metadata({**features.metadata, _ORIGIN: description.origin_json.encode()})
    path.mkdir()
    with pq.ParquetWriter(path / f"{SPLIT}.parquet", schema) as writer:
        rows = iter(pairs)
        while group := [_row(pair) for pair in islice(rows, ROWS)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def shards(folder: Path) -> list[Path]:
    """Return the Parquet files in a folder that hold the split `test`, by their names, in order."""
    return sorted(path for place in (folder, folder / "data") for path in place.glob(f"{SPLIT}*.parquet"))


def open_huggingface(path: Path) -> Export:
    """Read what is said of the images in a folder.

    Raises:
        UserError: It is damaged, or holds something else.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    told: dict[str, list[Any]] = {name: [] for name in (_FILE, _LABEL, _CLEAN)}
    origin: Mapping[str, Any] = {}
    for shard in shards(path):
        with reading(shard), pq.ParquetFile(shard) as table:
            _check_columns(shard, table.schema_arrow)
            _check_size(shard, table.metadata)
            there = [name for name in told if name in table.schema_arrow.names]
            for name, column in table.read(there).to_pydict().items():
                told[name] += column
            origin = origin or origin_of(shard, (table.schema_arrow.metadata or {}).get(_ORIGIN))
    files = checked_files(path, told[_FILE])
    return Export(path, files, origin, partial(_images, path), told[_LABEL] or None, told[_CLEAN] or None)


def _images(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    import pyarrow.parquet as pq  # noqa: PLC0415

    for shard in shards(path):
        with pq.ParquetFile(shard) as table:
            batches = table.iter_batches(batch_size=1, columns=[_FILE, f"{_IMAGE}.bytes"])
            while True:
                with reading(shard):
                    batch = next(batches, None)
                    rows = [] if batch is None else batch.to_pylist()
                if batch is None:
                    break
                for row in rows:
                    if row[_FILE] in wanted:
                        yield row[_FILE], _content(shard, row)


def _content(shard: Path, row: Mapping[str, Any]) -> bytes:
    content = (row[_IMAGE] or {}).get("bytes")
    if not isinstance(content, bytes):
        raise UserError(f"{shard} holds the path of {row[_FILE]} instead of the image: export it anew")
    return content


def _row(pair: ImagePair) -> dict[str, Any]:
    name = PurePosixPath(pair.file).with_suffix(".png").name
    return {
        "clean": {"bytes": encode_png(pair.clean), "path": name},
        "adversarial": {"bytes": encode_png(pair.adversarial), "path": name},
        **pair.facts,
    }


def _features(class_names: Iterable[str] | None) -> "pa.Schema":
    """Return the columns with their types, from which `datasets` knows images and classes."""
    try:
        from datasets import ClassLabel, Features, Image, Value  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UserError(
            f"huggingface needs the package {error.name}: pip install 'naa_lightning[huggingface]', or export to "
            "another format"
        ) from error
    return Features(
        {
            "clean": Image(),
            "adversarial": Image(),
            "label": Value("int64") if class_names is None else ClassLabel(names=list(class_names)),
            **dict.fromkeys(("target_class", "id"), Value("int64")),
            **dict.fromkeys(("file", "clean_sha256", "adversarial_sha256"), Value("string")),
        }
    ).arrow_schema


def _check_columns(shard: Path, schema: "pa.Schema") -> None:
    for name in (_FILE, _IMAGE):
        if name not in schema.names:
            raise UserError(f"{shard} has no column {name}: an export has {_IMAGE}, {_FILE} and others")
    kind = schema.field(_IMAGE).type
    if "bytes" not in {kind.field(number).name for number in range(kind.num_fields)}:
        raise UserError(f"{shard}: the column {_IMAGE} is {kind} and must hold images")


def _check_size(shard: Path, metadata: "pq.FileMetaData") -> None:
    """Check that no row group takes much more memory than there is in the file."""
    for number in range(metadata.num_row_groups):
        size = metadata.row_group(number).total_byte_size
        if size > MOST_BYTES:
            raise UserError(f"{shard}: a row group takes {size:,} bytes, more than {MOST_BYTES:,}: export it anew")
