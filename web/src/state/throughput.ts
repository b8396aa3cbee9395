// Bytes per second of what is not a transfer: uploads and downloads by anybody. The service counts
// them when they end, so the rate is that of the last seconds.

import type { Monitor } from '../api/types.ts';

/** The operations that carry people's bytes; all others are parts of these or of transfers. */
const CARRYING = ['upload', 'download'];
const WINDOW_MS = 6_000;

export class ThroughputMeter {
  private readings: { at: number; bytes: number }[] = [];

  take(monitor: Monitor, at = Date.now()): void {
    const bytes = (monitor.operations ?? [])
      .filter((operation) => CARRYING.includes(operation.name))
      .reduce((sum, operation) => sum + operation.total.bytes, 0);
    const last = this.readings.at(-1);
    if (last && bytes < last.bytes) this.readings = []; // cleared, or another process
    this.readings.push({ at, bytes });
    while (this.readings.length > 1 && this.readings[1]!.at <= at - WINDOW_MS) this.readings.shift();
  }

  rate(now = Date.now()): number {
    const first = this.readings[0];
    const last = this.readings.at(-1);
    if (!first || !last || last.at === first.at || now - last.at > 2 * WINDOW_MS) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}
