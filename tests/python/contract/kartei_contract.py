"""What schemathesis needs to be told of media types that it does not know (tests/js/contract.test.mjs)."""

import json

import schemathesis


def _lines(_context, value):
    """A body of lines: text and bytes as they are, anything else as one line of JSON."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return json.dumps(value).encode()


for _kind in ("application/x-ndjson", "application/gzip", "application/zstd"):
    schemathesis.serializer(_kind)(_lines)
