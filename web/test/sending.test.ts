// What is typed, how files are sent, and what the answers say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Monitor, Operation } from '../src/api/types.ts';
import { object_path } from '../src/api/client.ts';
import { line_of, runs_of } from '../src/parts/geometry.ts';
import { clean_prefix, parse_sources } from '../src/state/sources.ts';
import { bytes_fetched, bytes_served, ThroughputMeter } from '../src/state/throughput.ts';
import { chunks, how_to_send, outcomes, spread, title_of, type Planned } from '../src/state/upload_plan.ts';
import { objects_route, parse_route } from '../src/views/route.ts';

const MIB = 1024 * 1024;
const file = (name: string, size = 1, path = name): Planned => ({ name, size, path });

test('a pasted list: addresses, comments, quotes, repetitions, nonsense', () => {
  const { urls, wrong, duplicates } = parse_sources(
    '# my list\r\nhttps://a.example/1\n<http://b.example/2>, "https://c.example/3"\n\n' +
      'https://a.example/1\nftp://d.example/4 example.com/5 https://',
  );
  assert.deepEqual(urls, ['https://a.example/1', 'http://b.example/2', 'https://c.example/3']);
  assert.equal(duplicates, 1);
  assert.deepEqual(wrong.map((one) => one.text), ['ftp://d.example/4', 'example.com/5', 'https://']);
});

test('a prefix ends with one slash and begins with none', () => {
  assert.equal(clean_prefix(' /photos/2026// '), 'photos/2026/');
  assert.equal(clean_prefix('/'), '');
});

test('large files and folders are sent so that they can be resumed', () => {
  assert.equal(how_to_send(file('a', 100 * MIB), 100 * MIB), 'batch');
  assert.equal(how_to_send(file('a', 100 * MIB + 1), 100 * MIB), 'resumable');
  assert.equal(how_to_send(file('a', 100 * MIB + 1), 5000 * MIB), 'resumable');
  assert.equal(how_to_send(file('a', 2 * MIB), MIB), 'resumable');
  assert.equal(how_to_send(file('a', 1, 'photos/a'), 100 * MIB), 'resumable');
});

test('batches are as large as they may be', () => {
  assert.deepEqual(chunks([1, 2, 3, 4, 5], 2), [[1, 2], [3, 4], [5]]);
  assert.deepEqual(chunks([], 20), []);
  assert.deepEqual(chunks([1, 2], 0), [[1], [2]]);
});

test('what has gone of a request belongs to its files in order', () => {
  assert.deepEqual(spread(15, [10, 10, 10]), [10, 5, 0]);
  assert.deepEqual(spread(99, [10, 0, 10]), [10, 0, 10]);
});

test('each file of a batch gets its own outcome', () => {
  const sent = [file('a', 1), file('b', 2), file('c', 3)];
  const stored = (name: string, size: number) => ({ originalName: name, path: `uploads/${name}`, size, type: 't' });
  assert.deepEqual(
    outcomes(sent, { success: false, partialSuccess: true, files: [stored('a', 1), stored('c', 3)], failures: [{ originalName: 'b', error: 'File is empty' }] }),
    [{ key: 'uploads/a', error: null }, { key: null, error: 'File is empty' }, { key: 'uploads/c', error: null }],
  );
  const all = outcomes(sent, { success: false, error: 'Maximum 20 files allowed' });
  assert.deepEqual(all.map((one) => one.error), Array(3).fill('Maximum 20 files allowed'));
  const refused = outcomes(sent, { success: false, error: { code: 'FORBIDDEN', message: 'No.', retryable: false } });
  assert.equal(refused[0]!.error, 'No.');
});

test('of two files with one name the right one has failed', () => {
  const sent = [file('a', 0), file('a', 5)];
  const answer = { success: false, files: [{ originalName: 'a', path: 'k', size: 5, type: 't' }], failures: [{ originalName: 'a', error: 'File is empty' }] };
  assert.deepEqual(outcomes(sent, answer).map((one) => one.error), ['File is empty', null]);
});

test('a drop is called by what was dropped', () => {
  assert.equal(title_of([file('a.txt')]), 'a.txt');
  assert.equal(title_of([file('a', 1, 'photos/a'), file('b', 1, 'photos/x/b')]), 'photos/');
  assert.equal(title_of([file('a', 1, 'photos/a'), file('b')]), '2 files');
});

test('paths of objects survive the browser', () => {
  assert.equal(object_path('b', 'a b/ü#?.txt'), '/objects/b/a%20b/%C3%BC%23%3F.txt');
  const hostile = object_path('b', '../../session');
  assert.equal(new URL(hostile, 'http://h').pathname, hostile);
});

test('routes keep buckets and prefixes', () => {
  for (const prefix of ['', 'a/', 'a b/ü/', '//', '%2F/', '#/?/']) {
    const route = parse_route(objects_route('my bucket', prefix));
    assert.deepEqual(route, { view: 'objects', bucket: 'my bucket', prefix });
  }
  assert.equal(parse_route('').view, 'transfers');
  assert.equal(parse_route('#/nonsense').view, 'transfers');
  assert.equal(parse_route('#/objects/%').bucket, '%');
});

test('the throughput is that of the last seconds, and begins anew with another service', () => {
  const meter = new ThroughputMeter(bytes_served);
  const take = (at: number, bytes: number) =>
    meter.take({ operations: [{ name: 'upload', total: { bytes } }, { name: 'store_put_object', total: { bytes: 9e9 } }] } as unknown as Monitor, at);
  take(0, 1000);
  assert.equal(meter.rate(0), 0);
  take(2000, 5000);
  assert.equal(meter.rate(2000), 2000);
  take(4000, 0); // cleared
  assert.equal(meter.rate(4000), 0);
  take(6000, 2000);
  assert.equal(meter.rate(6000), 1000);
  assert.equal(meter.rate(60_000), 0);
});

test('each byte counts once', () => {
  const operations = (bytes: Record<string, number>) =>
    Object.entries(bytes).map(([name, number]) => ({ name, total: { bytes: number } })) as unknown as Operation[];
  const all = { upload: 1, http_post: 2, store_put_object: 4, store_get_object: 8, part: 16, transfer: 32 };
  assert.equal(bytes_served(operations(all)), 9);
  assert.equal(bytes_served(operations({ ...all, download: 64 })), 65);
  assert.equal(bytes_fetched(operations(all)), 16);
});

test('lines and strips', () => {
  assert.equal(line_of([1], 10, 100, 28), '');
  assert.equal(line_of([0, 0, 0], 3, 100, 28), 'M0 27L50 27L100 27');
  assert.equal(line_of([0, 5], 3, 100, 28), 'M50 27L100 2');
  assert.deepEqual(runs_of('ddaa.', false), [
    { kind: 'd', from: 0, length: 2 }, { kind: 'a', from: 2, length: 2 }, { kind: 'w', from: 4, length: 1 },
  ]);
  assert.equal(runs_of('dd', true).length, 2);
});
