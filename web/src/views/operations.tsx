// Every operation that the service measures, with its percentiles.

import { Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client.ts';
import type { Operation, Sample, Statistics } from '../api/types.ts';
import {
  format_bytes, format_count, format_ms, format_rate, format_share, format_speed, format_time,
} from '../format.ts';
import { Choice, Confirm, Empty, type Question } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { app, may, say_error } from '../state/app.ts';
import { use_store } from '../state/store.ts';

type Span = 'recent' | 'total';

interface Column {
  id: string;
  title: string;
  value: (operation: Operation, statistics: Statistics) => number | string;
  text: (operation: Operation, statistics: Statistics) => string;
}

const COLUMNS: readonly Column[] = [
  { id: 'count', title: 'Count', value: (_, s) => s.count, text: (_, s) => format_count(s.count) },
  { id: 'inFlight', title: 'In flight', value: (o) => o.inFlight, text: (o) => format_count(o.inFlight) },
  { id: 'rate', title: 'Rate', value: (_, s) => s.opsPerSecond, text: (_, s) => format_rate(s.opsPerSecond) },
  { id: 'bytes', title: 'Bytes', value: (_, s) => s.bytesPerSecond, text: (_, s) => format_speed(s.bytesPerSecond) },
  { id: 'errors', title: 'Errors', value: (_, s) => s.errorRate, text: (_, s) => format_share(s.errorRate) },
  { id: 'average', title: 'Average', value: (_, s) => s.averageMs, text: (_, s) => timed(s, s.averageMs) },
  { id: 'p50', title: 'p50', value: (_, s) => s.p50Ms, text: (_, s) => timed(s, s.p50Ms) },
  { id: 'p95', title: 'p95', value: (_, s) => s.p95Ms, text: (_, s) => timed(s, s.p95Ms) },
  { id: 'p99', title: 'p99', value: (_, s) => s.p99Ms, text: (_, s) => timed(s, s.p99Ms) },
  { id: 'max', title: 'Max', value: (_, s) => s.maxMs, text: (_, s) => timed(s, s.maxMs) },
];

/** Of nothing there are no times. */
function timed(statistics: Statistics, ms: number): string {
  return statistics.count === 0 ? '–' : format_ms(ms);
}

interface Sorting {
  column: string;
  down: boolean;
}

export function sorted(operations: readonly Operation[], span: Span, by: Sorting): Operation[] {
  const column = COLUMNS.find((one) => one.id === by.column);
  const value = (operation: Operation) => (column ? column.value(operation, operation[span]) : operation.name);
  return [...operations].sort((a, b) => {
    const [first, second] = [value(a), value(b)];
    if (first === second) return a.name < b.name ? -1 : 1;
    return first < second === by.down ? 1 : -1;
  });
}

export function OperationsView() {
  const monitor = use_store(app, (state) => state.live.monitor);
  const may_clear = use_store(app, (state) => may(state.session, 'operator'));
  const [span, set_span] = useState<Span>('recent');
  const [sorting, set_sorting] = useState<Sorting>({ column: 'count', down: true });
  const [open, set_open] = useState<string | null>(null);
  const [question, set_question] = useState<Question | null>(null);
  const [unused, set_unused] = useState(false);
  const all = monitor?.operations;
  // A service knows many operations from its start; those that never happened say nothing.
  const used = all?.filter((operation) => operation.total.count > 0 || operation.inFlight > 0);
  const operations = unused ? all : used;
  const window = monitor?.summary.recent.seconds ?? 60;
  const sort_by = (column: string) =>
    set_sorting((before) => ({
      column,
      down: before.column === column ? !before.down : column !== 'name',
    }));
  const clear = () =>
    set_question({
      title: 'Clear all measurements?',
      text: <p>Counts, percentiles and history of every operation begin anew, for everybody.</p>,
      yes: 'Clear',
      act: () => api.clear_operations().then(() => {}, (error) => say_error('Not cleared', error)),
    });
  return (
    <section class="list" aria-labelledby="operations-title">
      <div class="list-head">
        <h1 id="operations-title">
          Operations {operations && <span class="list-count">{operations.length}</span>}
        </h1>
        <Choice
          name="span"
          legend="Time that is shown"
          value={span}
          options={[
            ['recent', `Last ${Math.round(window)} s`],
            ['total', 'Since start'],
          ]}
          onChange={set_span}
        />
        <span class="list-end">
          <a class="button button-quiet" href="/monitor/export" download="telpher-monitor.json">
            <Icon name="download" /> JSON
          </a>
          {may_clear && (
            <button type="button" class="button button-quiet" onClick={clear}>
              Clear …
            </button>
          )}
        </span>
      </div>
      {!operations && <Empty>Loading …</Empty>}
      {operations?.length === 0 && <Empty>Nothing has been measured yet.</Empty>}
      {operations && operations.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of operations, scrolls sideways">
          <table class="table">
            <thead>
              <tr>
                <Head id="name" title="Operation" sorting={sorting} onSort={sort_by} />
                {COLUMNS.map((column) => (
                  <Head key={column.id} id={column.id} title={column.title} sorting={sorting} onSort={sort_by} number />
                ))}
              </tr>
            </thead>
            <tbody>
              {sorted(operations, span, sorting).map((operation) => (
                <Fragment key={operation.name}>
                  <Line
                    operation={operation}
                    span={span}
                    open={open === operation.name}
                    onOpen={() => set_open(open === operation.name ? null : operation.name)}
                  />
                  {open === operation.name && (
                    <tr class="table-more">
                      <td colSpan={COLUMNS.length + 1}>
                        <Details operation={operation} span={span} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {all && used && all.length > used.length && (
        <button type="button" class="button button-quiet more" onClick={() => set_unused(!unused)}>
          {unused ? 'Hide' : 'Show'} {format_count(all.length - used.length)} that never happened
        </button>
      )}
      <Confirm question={question} onClose={() => set_question(null)} />
    </section>
  );
}

function Head(props: {
  id: string;
  title: string;
  sorting: Sorting;
  onSort: (column: string) => void;
  number?: boolean;
}) {
  const mine = props.sorting.column === props.id;
  return (
    <th
      scope="col"
      class={props.number ? 'number' : ''}
      {...(mine ? { 'aria-sort': props.sorting.down ? 'descending' : 'ascending' } : {})}
    >
      <button type="button" class="head-button" onClick={() => props.onSort(props.id)}>
        {props.title}
        <span class="head-mark" aria-hidden="true">
          {mine ? (props.sorting.down ? '↓' : '↑') : ''}
        </span>
      </button>
    </th>
  );
}

function Line(props: { operation: Operation; span: Span; open: boolean; onOpen: () => void }) {
  const { operation } = props;
  const statistics = operation[props.span];
  return (
    <tr class={statistics.count === 0 && operation.inFlight === 0 ? 'is-idle' : ''}>
      <th scope="row">
        <button type="button" class="row-button" aria-expanded={props.open} onClick={props.onOpen}>
          <Icon name={props.open ? 'down' : 'right'} />
          {operation.name}
        </button>
      </th>
      {COLUMNS.map((column) => (
        <td key={column.id} class={column.id === 'errors' && statistics.errorRate > 0 ? 'number is-bad' : 'number'}>
          {column.text(operation, statistics)}
        </td>
      ))}
    </tr>
  );
}

function Details({ operation, span }: { operation: Operation; span: Span }) {
  const [samples, set_samples] = useState<Sample[] | null>(null);
  const count = operation.total.count;
  useEffect(() => {
    api.history(operation.name).then(
      (answer) => set_samples(answer.samples),
      () => set_samples([]),
    );
  }, [operation.name, count]);
  const statistics = operation[span];
  const errors = Object.entries(statistics.errors).filter(([, number]) => number > 0);
  return (
    <div class="details">
      <dl class="details-list">
        <div>
          <dt>Bytes</dt>
          <dd>{format_bytes(statistics.bytes)}</dd>
        </div>
        <div>
          <dt>Average memory</dt>
          <dd>{format_bytes(statistics.averageMemory)}</dd>
        </div>
        <div>
          <dt>Last</dt>
          <dd>{format_time(operation.lastUpdated)}</dd>
        </div>
        {errors.map(([kind, number]) => (
          <div key={kind}>
            <dt>{kind}</dt>
            <dd class="is-bad">{format_count(number)}</dd>
          </div>
        ))}
      </dl>
      <Samples samples={(samples ?? []).slice(-200)} />
    </div>
  );
}

/** The last samples, each a bar as high as it took long. */
function Samples({ samples }: { samples: readonly Sample[] }) {
  if (samples.length === 0) return null;
  const most = Math.max(...samples.map((sample) => sample.durationMs), 1e-9);
  const failed = samples.filter((sample) => !sample.success).length;
  return (
    <figure class="samples">
      <svg viewBox={`0 0 ${Math.max(50, samples.length)} 40`} preserveAspectRatio="none" aria-hidden="true">
        {samples.map((sample, index) => {
          const height = Math.max(1, (sample.durationMs / most) * 40);
          return (
            <rect
              key={index}
              class={sample.success ? 'sample' : 'sample-bad'}
              x={index}
              y={40 - height}
              width={0.75}
              height={height}
            />
          );
        })}
      </svg>
      <figcaption class="quiet">
        the last {format_count(samples.length)}: longest {format_ms(most)}
        {failed > 0 && `, ${format_count(failed)} failed`}
      </figcaption>
    </figure>
  );
}
