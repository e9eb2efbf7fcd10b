// Uploads a file with tus-js-client, and goes on where an earlier run ended: a program of its own, so
// that a test can kill it. Prints `offset N` when it begins, `sent N` as bytes go out, and `done`.
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import * as tus from 'tus-js-client';

const [endpoint, path, urls, abortAt = 'Infinity', parallel = '1'] = process.argv.slice(2);

const say = (line) => process.stdout.write(`${line}\n`);

await new Promise((resolve, reject) => {
  const upload = new tus.Upload(createReadStream(path), {
    endpoint,
    headers: { Authorization: `Bearer ${process.env.TOKEN}` },
    metadata: { filename: basename(path), filetype: 'application/x-test' },
    urlStorage: new tus.FileUrlStorage(urls),
    parallelUploads: Number(parallel),
    // The test says when it goes on; a retry of the client's own would hide what it finds.
    retryDelays: null,
    onProgress: (sent) => {
      say(`sent ${sent}`);
      if (sent >= Number(abortAt)) upload.abort().then(resolve, reject);
    },
    onSuccess: () => {
      say('done');
      resolve();
    },
    onError: reject,
  });
  upload.findPreviousUploads().then((earlier) => {
    say(`earlier ${earlier.length}`);
    if (earlier.length > 0) upload.resumeFromPreviousUpload(earlier[0]);
    upload.start();
  }, reject);
});
// A connection that was aborted keeps the program for a while.
process.exit(0);
