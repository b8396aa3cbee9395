// The AWS SDK for JavaScript as a process that does what it is told: one JSON request a line on
// stdin, one JSON answer a line on stdout. Nothing of the SDK's defaults is changed, its checksums
// (CRC32, in trailers for streams) least of all.
//   {"do": "send", "command": "PutObject", "input": {…}}        any command of client-s3
//   {"do": "upload", "input": {…}, "part_size": N}              lib-storage
//   {"do": "paginate", "paginator": "paginateListObjectsV2", "input": {…}}
//   {"do": "presign", "command": "GetObject", "input": {…}}
// An input's Body: {"text": "…"} sent as a buffer, {"stream": "path"} as a stream.
// An answer's Body goes to `save_to` or comes back as text.
import fs from "node:fs";
import readline from "node:readline";
import { createRequire } from "node:module";
import { pipeline } from "node:stream/promises";

const require = createRequire(process.env.NODE_PACKAGES + "/");
const sdk = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const client = new sdk.S3Client({ endpoint: process.env.S3_URL, forcePathStyle: true, maxAttempts: 1 });
const headersSent = [];
client.middlewareStack.add((next) => async (args) => {
  headersSent.push(args.request.headers);
  return next(args);
}, { step: "finalizeRequest", priority: "low", name: "note" });

function withBody(input) {
  if (!input.Body) return input;
  const { text, stream } = input.Body;
  const Body = stream ? fs.createReadStream(stream) : Buffer.from(text);
  return { ...input, Body, ...(stream && { ContentLength: fs.statSync(stream).size }) };
}

async function withoutBody(output, saveTo) {
  if (!output.Body) return output;
  if (saveTo) await pipeline(output.Body, fs.createWriteStream(saveTo));
  return { ...output, Body: saveTo ? saveTo : await output.Body.transformToString() };
}

const verbs = {
  async send({ command, input, save_to }) {
    return withoutBody(await client.send(new sdk[command + "Command"](withBody(input))), save_to);
  },
  async upload({ input, part_size }) {
    const { ContentLength, ...params } = withBody(input);
    return new Upload({ client, params, partSize: part_size, queueSize: 4 }).done();
  },
  async paginate({ paginator, input }) {
    const pages = [];
    for await (const page of sdk[paginator]({ client }, input)) pages.push(page);
    return { pages };
  },
  async presign({ command, input }) {
    return { url: await getSignedUrl(client, new sdk[command + "Command"](input), { expiresIn: 300 }) };
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  headersSent.length = 0;
  let answer;
  try {
    answer = { ok: await verbs[request.do](request), sent: headersSent.slice(0, 3) };
  } catch (error) {
    answer = { error: error.name, status: error.$metadata?.httpStatusCode, message: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
