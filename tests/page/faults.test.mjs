// A store that fails on purpose: the faults panel, and what people see of the failures.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { start_browser, until, Visitor } from './support/browser.mjs';
import { BINARY, Service } from './support/service.mjs';
import { content } from './support/source.mjs';

const KEYS = {
  TELPHER_S3_ACCESS_KEY: 'page', TELPHER_S3_SECRET_KEY: 'page-secret', TELPHER_S3_ADMIN_KEY: 'page-admin',
  AWS_ACCESS_KEY_ID: 'page', AWS_SECRET_ACCESS_KEY: 'page-secret', AWS_REGION: 'us-east-1',
};
let endpoint;
let service;
let browser;
before(async () => {
  endpoint = spawn(BINARY, ['s3', '--store', 'memory', '--listen', '127.0.0.1:0', '--bucket', 'files'], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...KEYS },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await new Promise((resolve, reject) => {
    endpoint.once('exit', (code) => reject(new Error(`telpher s3 ended (${code})`)));
    createInterface({ input: endpoint.stdout }).once('line', (first) => resolve([first]));
  });
  const url = line.replace('listening on ', '');
  service = new Service(['--store', 's3://files', '--endpoint-url', url, '--retries', '1'], KEYS);
  [browser] = await Promise.all([start_browser(), service.start()]);
});
after(async () => {
  await browser?.close();
  await service?.remove();
  endpoint?.kill();
});

test('a script is applied, met, and removed; what it breaks says why', async (context) => {
  const settings = await service.call('GET', '/settings');
  if (!settings.faults) return context.skip('this service does not pass faults on');
  const visitor = await Visitor.come(browser, service, { hash: '#/faults' });
  const { page } = visitor;
  await page.getByText('The store behaves').waitFor();
  const script = page.getByRole('textbox', { name: 'Script' });
  await script.fill('{"rules": [');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('This is not JSON').waitFor();
  await script.fill('{"rules": [{"on": "PutObject", "count": 1, "do": "status", "status": 403, "code": "AccessDenied"}]}');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.getByText('acted 0 ×').waitFor();
  await page.goto(`${service.url}/#/transfers`);
  const files = ['one.bin', 'two.bin'].map((name) => ({ name, mimeType: 'application/octet-stream', buffer: content(1000) }));
  await page.setInputFiles('[data-choose=files]', files);
  const row = visitor.row('finished', '2 files');
  await row.getByText('1 of 2 files stored').waitFor();
  await row.getByRole('button', { name: 'Retry the failed one' }).click();
  await row.getByText('2 of 2 files stored').waitFor();
  await page.goto(`${service.url}/#/faults`);
  await page.getByText('acted 1 ×').waitFor();
  await page.getByRole('button', { name: 'Remove all' }).click();
  await page.getByText('The store behaves').waitFor();
  await visitor.leave();
});

test('operations tell what the store did', async () => {
  const visitor = await Visitor.come(browser, service, { hash: '#/operations' });
  const { page } = visitor;
  await service.upload('measured.bin', content(5000));
  await page.getByRole('radio', { name: 'Since start' }).check();
  const row = page.getByRole('row', { name: /s3_put/ }).first();
  await until('the put is counted', async () => Number(await row.getByRole('cell').first().innerText()) > 0);
  await row.getByRole('button').click();
  await page.getByText('Average memory').waitFor();
  await page.getByRole('columnheader', { name: 'p95' }).getByRole('button').click();
  assert.equal(await page.getByRole('columnheader', { name: 'p95' }).getAttribute('aria-sort'), 'descending');
  await page.goto(`${service.url}/#/alerts`);
  await page.getByRole('heading', { name: /Firing/ }).waitFor();
  await visitor.leave();
});
