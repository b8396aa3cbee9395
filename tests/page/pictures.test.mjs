// How it looks when it is busy, in both themes and on a telephone. With TELPHER_SCREENSHOTS=1 these are
// the pictures of docs/, and things move in them; otherwise they go to build/page/, and nothing waits.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { start_browser, Visitor } from './support/browser.mjs';
import { ROOT, Service } from './support/service.mjs';
import { Source } from './support/source.mjs';

const KIB = 1024;
const MIB = 1024 * KIB;
const KEPT = Boolean(process.env.TELPHER_SCREENSHOTS);
const FOLDER = join(ROOT, KEPT ? 'docs' : 'build/page');
const LARGE = ['dataset-0001.parquet', 'photos-2026.tar', 'release.iso', 'model-weights.bin'];
const WAITING = ['dataset-0002.parquet', 'dataset-0003.parquet', 'dataset-0004.parquet', 'dataset-0005.parquet'];
const service = new Service(['--store', 'memory', '--max-transfers', String(LARGE.length)]);
const source = new Source();
let browser;
let bucketName;
before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  [browser] = await Promise.all([start_browser(), service.start(), source.start()]);
  ({ defaultBucket: bucketName } = await service.call('GET', '/settings'));
});
after(async () => {
  await browser?.close();
  await source.end();
  await service.remove();
});

async function begin(name, options) {
  const sourceUrl = source.file(name, options);
  const { transferId } = await service.call('POST', '/transfers', { sourceUrl, bucketName, keyPrefix: 'incoming/' });
  return transferId;
}

async function ended(transferId) {
  for (;;) {
    const { status } = await service.call('GET', `/transfers/${transferId}`);
    if (['completed', 'failed', 'cancelled'].includes(status)) return status;
    await new Promise((go) => setTimeout(go, 20));
  }
}

test('a busy service, in both themes and on a telephone', async () => {
  for (const name of ['index.json', 'readme.txt', 'thumbnails.zip']) {
    assert.equal(await ended(await begin(name, { size: 3 * MIB })), 'completed');
  }
  source.file('gone.csv');
  source.break_with('gone.csv', 404);
  const gone = await service.call('POST', '/transfers', {
    sourceUrl: `${source.url}/gone.csv`, bucketName, keyPrefix: 'incoming/',
  });
  assert.equal(await ended(gone.transferId), 'failed');
  for (const [index, name] of LARGE.entries()) {
    await begin(name, KEPT ? { size: (150 + 150 * index) * MIB, drip: 700 * KIB } : { size: 40 * MIB, held: true });
  }
  for (const name of WAITING) await begin(name, { size: MIB });

  const visitors = {
    'page-light': await Visitor.come(browser, service),
    'page-dark': await Visitor.come(browser, service, { theme: 'dark' }),
    'page-narrow': await Visitor.come(browser, service, { width: 360, height: 1280 }),
  };
  for (const [name, visitor] of Object.entries(visitors)) {
    for (const large of LARGE) await visitor.row('active', large).waitFor();
    for (const waiting of WAITING) await visitor.row('waiting', waiting).waitFor();
    await visitor.row('finished', 'gone.csv').getByText('404').waitFor();
    if (KEPT && name === 'page-light') await visitor.page.waitForTimeout(25_000);
    await visitor.page.screenshot({ path: join(FOLDER, `${name}.png`) });
  }
  for (const visitor of Object.values(visitors)) await visitor.leave();
  for (const name of LARGE) source.release(name);
});
