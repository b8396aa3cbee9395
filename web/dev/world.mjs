// What the imitated service knows: transfers that run by themselves, objects, measurements, alerts.

import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';

const MIB = 1024 * 1024;
const PART = 16 * MIB;
export const STATUSES = ['pending', 'starting', 'in-progress', 'paused', 'completed', 'failed', 'cancelled'];
const iso = (ms) => new Date(ms).toISOString();

export class World extends EventEmitter {
  constructor({ scenario = 'empty', slots = 4 } = {}) {
    super();
    this.setMaxListeners(100);
    this.slots = slots;
    this.started = Date.now();
    this.transfers = new Map();
    this.batches = new Map();
    this.buckets = new Map([['main', new Map()], ['archive', new Map()]]);
    this.measured = new Map();
    this.firing = [];
    this.resolved = [];
    this.faults = { rules: [] };
    this.number = 0;
    if (scenario !== 'empty') this.furnish(scenario);
  }

  furnish(scenario) {
    for (const [key, size] of [
      ['photos/2026/harbour.jpg', 4_812_331], ['photos/2026/north pier.jpg', 5_120_004],
      ['photos/readme.txt', 812], ['isos/debian-12.iso', 658_505_728], ['dumps/2026-11-21.sql.gz', 91_284_112],
      ['uploads/2026-11-22T09-02-11_report.pdf', 1_204_221], ['index.html', 5_321], ['a name with <b>markup</b> & ümlauts.txt', 77],
    ]) this.put('main', key, Buffer.from(key), size);
    const urls = ['ubuntu-24.04.iso', 'dataset-part-0001.parquet', 'planet-latest.osm.pbf', 'model-weights.bin',
      'logs-2026-11-20.tar.zst', 'crawl-2026-47/segment-00012.warc.gz'];
    urls.forEach((name, index) =>
      this.add({ sourceUrl: `https://files.example.com/pub/${name}`, bucketName: 'main', keyPrefix: 'incoming/' }, 'admin', {
        bytes: (200 + 700 * index) * MIB, rate: (6 + 5 * index) * MIB, unknown: name.startsWith('logs') }));
    for (let index = 0; index < 230; index++) {
      this.add({ sourceUrl: `https://data.example.org/shard/${String(index).padStart(5, '0')}.bin`, bucketName: 'archive', keyPrefix: 'shards/' }, 'admin', { bytes: 900 * MIB, rate: 15 * MIB });
    }
    const batchId = 'b_example';
    this.batches.set(batchId, { batchId, created: iso(Date.now() - 600_000), count: 6 });
    for (let index = 0; index < 6; index++) {
      const done = this.add({ sourceUrl: `https://cdn.example.net/images/${1000 + index}.tiff`, bucketName: 'main', keyPrefix: 'images/' }, 'admin', { bytes: 30 * MIB, batchId });
      done.metadata.startTime = iso(Date.now() - 500_000 + index * 9000);
      if (scenario === 'failing' && index % 2) {
        this.fail(done, index === 1
          ? { code: 'URL_FETCH_ERROR', message: 'https://cdn.example.net answered 404 Not Found.', retryable: false }
          : { code: 'S3_ERROR', message: 'The store answered 503 SlowDown; given up after 8 tries in 2 min.', retryable: true });
      } else this.complete(done, Date.now() - 400_000 + index * 9000);
    }
    if (scenario === 'failing') {
      const forbidden = this.add({ sourceUrl: 'http://169.254.169.254/latest/meta-data/', bucketName: 'main', keyPrefix: '' }, 'admin', { bytes: MIB });
      this.fail(forbidden, { code: 'FORBIDDEN_ADDRESS', message: '169.254.169.254 is a link-local address, which this service does not fetch from.', retryable: false });
      this.firing.push({ id: 'a1', operation: 's3_put_object', metric: 'errorRate', value: 0.124, threshold: 0.05, since: iso(Date.now() - 180_000), resolved: null, suppressed: false });
      this.firing.push({ id: 'a2', operation: 'transfer', metric: 'duration', value: 62_300, threshold: 5_000, since: iso(Date.now() - 60_000), resolved: null, suppressed: true });
      this.resolved.push({ id: 'a0', operation: 'upload', metric: 'successRate', value: 0.91, threshold: 0.95, since: iso(Date.now() - 4_000_000), resolved: iso(Date.now() - 3_000_000), suppressed: false });
      this.faults = { rules: [{ on: 'UploadPart', after: 3, count: 2, do: 'status', status: 503, code: 'SlowDown', index: 0, acted: 2, met: true }, { on: '*', probability: 0.1, do: 'reset', index: 1, acted: 0, met: false }] };
    }
    for (const name of ['upload', 'transfer', 'part', 's3_put_object', 's3_upload_part', 's3_complete', 's3_head_object', 'http_get', 'http_post', 'download', 'delete']) {
      for (let index = 0; index < 120; index++) {
        this.measure(name, Math.exp(Math.random() * 4) * 2, Math.random() * MIB, Math.random() > (scenario === 'failing' ? 0.12 : 0.002));
      }
    }
  }

  put(bucket, key, bytes, size = bytes.length, type = 'application/octet-stream') {
    if (!this.buckets.has(bucket)) this.buckets.set(bucket, new Map());
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    this.buckets.get(bucket).set(key, { key, size, lastModified: iso(Date.now()), etag, bytes, type });
  }

  measure(name, durationMs, bytes = 0, success = true) {
    if (!this.measured.has(name)) this.measured.set(name, []);
    const samples = this.measured.get(name);
    samples.push({ time: iso(Date.now()), durationMs, bytes: Math.round(bytes), success });
    if (samples.length > 1000) samples.shift();
  }

  statistics(samples, seconds) {
    const durations = samples.map((sample) => sample.durationMs).sort((a, b) => a - b);
    const at = (q) => durations[Math.min(durations.length - 1, Math.floor(q * durations.length))] ?? 0;
    const failed = samples.filter((sample) => !sample.success).length;
    const bytes = samples.reduce((sum, sample) => sum + sample.bytes, 0);
    const errorRate = samples.length ? failed / samples.length : 0;
    return {
      count: samples.length, failed, successRate: 1 - errorRate, errorRate,
      averageMs: durations.reduce((sum, ms) => sum + ms, 0) / (durations.length || 1),
      p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), maxMs: durations.at(-1) ?? 0,
      opsPerSecond: samples.length / seconds, bytesPerSecond: bytes / seconds, bytes,
      averageMemory: samples.length ? 2.5 * MIB : 0, errors: failed ? { kThrottled: failed } : {}, seconds,
    };
  }

  operation(name, samples) {
    const recent = samples.filter((sample) => Date.parse(sample.time) > Date.now() - 60_000);
    return { name, inFlight: name === 'part' ? 9 : 0, lastUpdated: samples.at(-1)?.time ?? null,
      recent: this.statistics(recent, 60), total: this.statistics(samples, Math.max(60, this.uptime())) };
  }

  uptime() {
    return (Date.now() - this.started) / 1000;
  }

  monitor(with_operations) {
    const counts = this.counts();
    const active = counts.starting + counts['in-progress'];
    return {
      time: iso(Date.now()), uptimeSeconds: this.uptime(),
      summary: this.operation('all', [...this.measured.values()].flat()),
      ...(with_operations ? { operations: [...this.measured].map(([name, samples]) => this.operation(name, samples)) } : {}),
      memory: { budget: 256 * MIB, used: active * 38 * MIB, rss: (41 + active * 38) * MIB },
      transfers: { active, waiting: counts.pending }, alerts: { firing: this.firing },
    };
  }

  counts(batch = null) {
    const counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
    for (const transfer of this.transfers.values()) {
      if (!batch || transfer.metadata.batchId === batch) counts[transfer.status]++;
    }
    return counts;
  }

  add(request, owner, { bytes = (5 + 120 * Math.random()) * MIB, rate = 12 * MIB, batchId = null, unknown = false } = {}) {
    const transferId = `t_${String(++this.number).padStart(6, '0')}_${randomBytes(4).toString('hex')}`;
    const name = decodeURIComponent(new URL(request.sourceUrl).pathname.split('/').pop()) || 'index';
    const transfer = {
      transferId, status: 'pending',
      progress: { bytesTransferred: 0, totalBytes: null, percentage: null, bytesPerSecond: 0, etaSeconds: null, partsDone: 0, partsTotal: 0, partsInFlight: 0, parts: '' },
      metadata: { sourceUrl: request.sourceUrl, bucketName: request.bucketName, keyPrefix: request.keyPrefix ?? '', s3Key: (request.keyPrefix ?? '') + name,
        s3Location: null, checksum: null, startTime: null, endTime: null, lastUpdateTime: iso(Date.now()), attempt: 0, createdTime: iso(Date.now()),
        priority: 0, notBefore: null, batchId, owner },
      error: null,
    };
    Object.defineProperty(transfer, 'plan', { value: { bytes: Math.round(bytes), rate, unknown, name } });
    this.transfers.set(transferId, transfer);
    this.changed(transfer);
    return transfer;
  }

  changed(transfer) {
    transfer.metadata.lastUpdateTime = iso(Date.now());
    this.emit('event', 'transfer', structuredClone(transfer));
  }

  start_one(transfer) {
    transfer.status = 'in-progress';
    transfer.metadata.startTime ??= iso(Date.now());
    this.changed(transfer);
  }

  fail(transfer, error) {
    transfer.status = 'failed';
    transfer.error = error;
    transfer.progress.bytesPerSecond = 0;
    transfer.metadata.endTime = iso(Date.now());
    this.measure('transfer', 800, 0, false);
    this.changed(transfer);
  }

  complete(transfer, at = Date.now()) {
    const { bytes, name } = transfer.plan;
    Object.assign(transfer.progress, { bytesTransferred: bytes, totalBytes: bytes, percentage: 100, bytesPerSecond: 0, etaSeconds: 0, partsInFlight: 0 });
    transfer.progress.partsDone = transfer.progress.partsTotal;
    transfer.progress.parts = transfer.progress.parts.replace(/./g, 'd');
    transfer.status = 'completed';
    transfer.metadata.endTime = iso(at);
    const { bucketName, s3Key } = transfer.metadata;
    transfer.metadata.s3Location = `s3://${bucketName}/${s3Key}`;
    this.put(bucketName, s3Key, Buffer.from(name), bytes);
    this.measure('transfer', Date.now() - Date.parse(transfer.metadata.startTime ?? iso(at)), bytes);
    this.changed(transfer);
  }

  tick(ms) {
    const all = [...this.transfers.values()];
    let running = all.filter((transfer) => ['starting', 'in-progress'].includes(transfer.status)).length;
    for (const transfer of all) {
      if (transfer.status === 'pending' && running < this.slots) {
        running++;
        transfer.status = 'starting';
        transfer.metadata.attempt++;
        transfer.metadata.startTime ??= iso(Date.now());
        this.changed(transfer);
      } else if (transfer.status === 'starting') {
        if (/fail/.test(transfer.metadata.sourceUrl) && transfer.metadata.attempt < 3) {
          this.fail(transfer, { code: 'URL_FETCH_ERROR', message: `${new URL(transfer.metadata.sourceUrl).host} answered 503 Service Unavailable.`, retryable: true });
        } else this.start_one(transfer);
      } else if (transfer.status === 'in-progress') this.advance(transfer, ms);
    }
  }

  advance(transfer, ms) {
    const { bytes, rate, unknown } = transfer.plan;
    const { progress } = transfer;
    const speed = rate * (0.7 + Math.random() * 0.6);
    progress.bytesTransferred = Math.min(bytes, progress.bytesTransferred + Math.round((speed * ms) / 1000));
    progress.bytesPerSecond = Math.round(speed);
    if (!unknown) {
      progress.totalBytes = bytes;
      progress.percentage = (100 * progress.bytesTransferred) / bytes;
      progress.etaSeconds = (bytes - progress.bytesTransferred) / speed;
      progress.partsTotal = Math.ceil(bytes / PART);
      progress.partsDone = Math.floor(progress.bytesTransferred / PART);
      progress.partsInFlight = Math.min(4, progress.partsTotal - progress.partsDone);
      const shown = Math.min(200, progress.partsTotal);
      const done = Math.floor((shown * progress.partsDone) / progress.partsTotal);
      const parts = [...'d'.repeat(done) + 'a'.repeat(Math.min(progress.partsInFlight, shown - done))].join('').padEnd(shown, '.');
      // Parts do not end in the order in which they began.
      progress.parts = done > 4 && done + 4 < shown ? parts.slice(0, done - 2) + 'adaad' + parts.slice(done + 3) : parts;
    }
    if (Math.random() < 0.5) this.measure('part', 40 + Math.random() * 90, PART, true);
    if (progress.bytesTransferred >= bytes) this.complete(transfer);
    else this.emit('event', 'progress', { transferId: transfer.transferId, progress: { ...progress } });
  }

  /** Gives an order; null when the state does not allow it. */
  order(what, transfer) {
    const { status } = transfer;
    if (what === 'pause' && ['pending', 'starting', 'in-progress'].includes(status)) transfer.status = 'paused';
    else if (what === 'resume' && status === 'paused') transfer.status = 'pending';
    else if (what === 'retry' && ['failed', 'cancelled'].includes(status)) {
      Object.assign(transfer, { status: 'pending', error: null });
      Object.assign(transfer.progress, { bytesTransferred: 0, percentage: 0, parts: '' });
      transfer.metadata.startTime = transfer.metadata.endTime = null;
    } else if (what === 'cancel' && !['completed', 'failed', 'cancelled'].includes(status)) {
      transfer.status = 'cancelled';
      transfer.metadata.endTime = iso(Date.now());
    } else return null;
    transfer.progress.bytesPerSecond = 0;
    this.changed(transfer);
    return transfer;
  }
}
