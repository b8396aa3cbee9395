// Fails when all that is served for the page is more than 100 KB gzipped.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const BYTES_MAX = 100_000;
const dist = new URL('./dist/', import.meta.url).pathname;
let total = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath ?? entry.path, entry.name);
  const bytes = gzipSync(readFileSync(path), { level: 9 }).length;
  total += bytes;
  console.log(`${String(bytes).padStart(8)}  ${path.slice(dist.length)}`);
}
console.log(`${String(total).padStart(8)}  in total, gzipped; at most ${BYTES_MAX}`);
if (total > BYTES_MAX) {
  console.error('The page is too large.');
  process.exit(1);
}
