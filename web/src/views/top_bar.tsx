// How the service does, in one line.

import type { ComponentChildren } from 'preact';
import {
  counted, format_bytes, format_count, format_duration, format_ms, format_share, format_speed,
} from '../format.ts';
import { Bar, Sparkline } from '../parts/charts.tsx';
import { app } from '../state/app.ts';
import { RATES_KEPT } from '../state/live.ts';
import { use_store } from '../state/store.ts';

export function TopBar() {
  const monitor = use_store(app, (state) => state.live.monitor);
  const counts = use_store(app, (state) => state.live.counts);
  const loaded = use_store(app, (state) => state.loaded);
  const recent = monitor?.summary.recent;
  const measured = recent && recent.count > 0 ? recent : undefined; // of nothing there are no times
  const active = monitor?.transfers.active ?? counts.starting + counts['in-progress'];
  const waiting = monitor?.transfers.waiting ?? counts.pending;
  const window = recent ? format_duration(recent.seconds) : '';
  return (
    <dl class="figures">
      <Throughput />
      <Figure name="In flight" note={waiting ? `${format_count(waiting)} waiting` : 'none waiting'}>
        {loaded || monitor ? counted(active, 'transfer') : '–'}
      </Figure>
      <Figure
        name="Errors"
        note={recent ? `${format_count(recent.failed)} of ${format_count(recent.count)} in ${window}` : ''}
        tone={recent && recent.errorRate > 0.05 ? 'bad' : undefined}
      >
        {format_share(recent?.errorRate)}
      </Figure>
      <Figure name="Latency" note={recent ? `uploads, downloads, transfers, ${window}` : ''} wide>
        <span class="latencies">
          <Latency name="p50" ms={measured?.p50Ms} />
          <Latency name="p95" ms={measured?.p95Ms} />
          <Latency name="p99" ms={measured?.p99Ms} />
        </span>
      </Figure>
      <Memory />
    </dl>
  );
}

function Throughput() {
  const rates = use_store(app, (state) => state.live.rates);
  const connection = use_store(app, (state) => state.connection);
  const now = rates.at(-1) ?? 0;
  return (
    <div class="figure figure-throughput">
      <dt>Throughput</dt>
      <dd>
        <span class="figure-value">{connection === 'live' ? format_speed(now) : '–'}</span>
        <span class="figure-note">
          {rates.length > 1 ? `peak ${format_speed(Math.max(...rates))}, 2 min` : ''}
        </span>
      </dd>
      <dd class="figure-line">
        <Sparkline values={rates} points={RATES_KEPT} />
      </dd>
    </div>
  );
}

/** A budget that is used up is no fault: whoever wants more of it waits. */
function Memory() {
  const memory = use_store(app, (state) => state.live.monitor?.memory);
  const share = memory && memory.budget > 0 ? memory.used / memory.budget : 0;
  const text = memory ? `${format_bytes(memory.used)} of ${format_bytes(memory.budget)}` : '–';
  return (
    <div class="figure figure-memory">
      <dt>Memory</dt>
      <dd>
        <span class="figure-value">
          {memory ? format_bytes(memory.used) : '–'}
          {memory && <span class="figure-of"> of {format_bytes(memory.budget)}</span>}
        </span>
        <Bar share={share} label="Memory of the budget in use" text={text} />
        <span class="figure-note">{memory ? `process ${format_bytes(memory.rss)}` : ''}</span>
      </dd>
    </div>
  );
}

function Latency({ name, ms }: { name: string; ms: number | undefined }) {
  return (
    <span class="latency">
      <abbr>{name}</abbr> {format_ms(ms)}
    </span>
  );
}

function Figure(props: {
  name: string;
  note: string;
  tone?: 'bad' | undefined;
  wide?: boolean;
  children: ComponentChildren;
}) {
  return (
    <div class={props.wide ? 'figure figure-wide' : 'figure'}>
      <dt>{props.name}</dt>
      <dd>
        <span class={props.tone === 'bad' ? 'figure-value is-bad' : 'figure-value'}>{props.children}</span>
        <span class="figure-note">{props.note}</span>
      </dd>
    </div>
  );
}
