// tus-js-client as a process: uploads one file as one argument says, a JSON object, and prints a
// line of JSON for each thing that happens.
//   {"endpoint": "http://…/tus/", "path": "file", "options": {…of tus.Upload},
//    "stop_at": bytes after which it ends as if killed, "abort_at": bytes after which it aborts and
//    terminates}
import fs from "node:fs";
import { createRequire } from "node:module";
import { PassThrough } from "node:stream";

const require = createRequire(process.env.NODE_PACKAGES + "/");
const tus = require("tus-js-client");

const task = JSON.parse(process.argv[2]);
const say = (what) => fs.writeSync(1, JSON.stringify(what) + "\n");

// Of a file the client believes that it is as long as it is asked to read; of a stream it does not.
const file = fs.createReadStream(task.path);
const input = task.options.uploadLengthDeferred ? file.pipe(new PassThrough()) : file;

const upload = new tus.Upload(input, {
  endpoint: task.endpoint,
  retryDelays: [100, 300, 1000, 1000, 3000],
  ...task.options,
  onProgress(sent) {
    if (task.stop_at && sent >= task.stop_at) {
      say({ stopped: upload.url });
      process.exit(0);
    }
    if (task.abort_at && sent >= task.abort_at) {
      task.abort_at = 0;
      upload.abort(true).then(() => say({ aborted: upload.url }));
    }
  },
  onShouldRetry: (error) => {
    say({ retried: error.originalResponse ? error.originalResponse.getStatus() : 0 });
    return true;
  },
  onError: (error) => {
    say({ error: String(error), status: error.originalResponse?.getStatus() });
    process.exit(1);
  },
  onSuccess: () => say({ done: upload.url }),
});
upload.start();
