"""Uploads a file with tuspy, and goes on where an earlier run ended.

Prints a line `offset N` when it begins and after each part, so that whoever started it can end it in
the middle. Run by tests/js/uploads.test.mjs; the token comes from the environment.
"""

import os
import sys

from tusclient import client
from tusclient.storage import filestorage

PART_BYTES = 8 * 1024 * 1024


def main() -> None:
    endpoint, path, urls = sys.argv[1:]
    tus = client.TusClient(endpoint, headers={"Authorization": f"Bearer {os.environ['TOKEN']}"})
    uploader = tus.uploader(
        path,
        chunk_size=PART_BYTES,
        metadata={"filename": os.path.basename(path)},
        store_url=True,
        url_storage=filestorage.FileStorage(urls),
    )
    print("offset", uploader.offset, flush=True)
    while uploader.offset < uploader.get_file_size():
        uploader.upload_chunk()
        print("offset", uploader.offset, flush=True)
    print("done", flush=True)


main()
