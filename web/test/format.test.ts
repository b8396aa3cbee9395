import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as format from '../src/format.ts';

test('sizes have three digits at most, and no unit is passed by', () => {
  const { format_bytes } = format;
  assert.equal(format_bytes(0), '0 B');
  assert.equal(format_bytes(999), '999 B');
  assert.equal(format_bytes(1000), '0.98 KiB');
  assert.equal(format_bytes(1536), '1.5 KiB');
  assert.equal(format_bytes(1024 * 1024), '1 MiB');
  assert.equal(format_bytes(1024 * 1024 - 1), '1 MiB');
  assert.equal(format_bytes(100 * 1024 * 1024), '100 MiB');
  assert.equal(format_bytes(5 * 1024 ** 4), '5 TiB');
  assert.equal(format_bytes(null), '–');
  for (let bytes = 1; bytes < 2 ** 52; bytes = Math.ceil(bytes * 1.01)) {
    assert.match(format_bytes(bytes), /^(\d{1,3}|\d{1,2}\.\d|\d\.\d{1,2}) ([KMGTP]i)?B$/, String(bytes));
  }
});

test('durations name two units, and never sixty of one', () => {
  const { format_duration } = format;
  assert.equal(format_duration(0.4), '0 s');
  assert.equal(format_duration(59.6), '1 min');
  assert.equal(format_duration(200), '3 min 20 s');
  assert.equal(format_duration(7500), '2 h 5 min');
  assert.equal(format_duration(86400 * 3 + 4 * 3600), '3 d 4 h');
  assert.equal(format_duration(Infinity), '–');
});

test('milliseconds', () => {
  const { format_ms } = format;
  assert.equal(format_ms(0), '0 ms');
  assert.equal(format_ms(0.123), '0.12 ms');
  assert.equal(format_ms(12.34), '12.3 ms');
  assert.equal(format_ms(999.6), '1 s');
  assert.equal(format_ms(1250), '1.25 s');
  assert.equal(format_ms(125_000), '2 min 5 s');
});

test('a share that is not zero does not read as zero, nor one that is not all as all', () => {
  const { format_share } = format;
  assert.equal(format_share(0), '0 %');
  assert.equal(format_share(0.000001), '< 0.01 %');
  assert.equal(format_share(0.0004), '0.04 %');
  assert.equal(format_share(0.032), '3.2 %');
  assert.equal(format_share(0.99999), '> 99.99 %');
  assert.equal(format_share(0.9999), '99.99 %');
  assert.equal(format_share(1), '100 %');
});

test('counts and rates', () => {
  assert.equal(format.format_count(1234567), '1,234,567');
  assert.equal(format.counted(1, 'file'), '1 file');
  assert.equal(format.counted(2, 'entry', 'entries'), '2 entries');
  assert.equal(format.format_rate(0.05), '3/min');
  assert.equal(format.format_rate(8.34), '8.3/s');
  assert.equal(format.format_rate(12345), '12,345/s');
});

test('times of today are clock times, others have their day', () => {
  const now = new Date(2026, 10, 22, 12, 0, 0);
  const at = (...parts: [number, number, number, number, number, number]) => new Date(...parts).toISOString();
  assert.equal(format.format_time(at(2026, 10, 22, 9, 5, 7), now), '09:05:07');
  assert.equal(format.format_time(at(2026, 10, 21, 9, 5, 7), now), '2026-11-21 09:05');
  assert.equal(format.format_time('nonsense', now), '–');
  assert.equal(format.format_time(null, now), '–');
});

test('names of keys, addresses and prefixes', () => {
  assert.equal(format.key_name('a/b/c.txt'), 'c.txt');
  assert.equal(format.key_name('a/b/'), 'b');
  assert.equal(format.key_name('what?.txt'), 'what?.txt');
  assert.equal(format.url_name('https://example.com/a/b%20c.iso?x=1/2'), 'b c.iso');
  assert.equal(format.url_name('https://example.com/'), 'example.com');
  assert.equal(format.url_name('https://example.com/%ff'), '%ff');
  assert.equal(format.url_name('nonsense'), 'nonsense');
  assert.equal(format.last_step('photos/2026/'), '2026/');
  assert.equal(format.last_step('photos/'), 'photos/');
  assert.equal(format.last_step('photos/a.jpg'), 'a.jpg');
});
