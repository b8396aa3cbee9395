// The box and the three lists: what is on its way, what waits, what has ended.

import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../api/client.ts';
import type { Counts, Status, Transfer } from '../api/types.ts';
import { counted, format_count } from '../format.ts';
import { Choice, Empty, More } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { app, load_more, may, retry_failed } from '../state/app.ts';
import { failed_batches, lists_of, type FailedBatch } from '../state/live.ts';
import { use_store } from '../state/store.ts';
import { uploads, type Upload } from '../state/uploads.ts';
import { Box } from './box.tsx';
import { ActiveRow, FinishedRow, WaitingRow } from './transfer_rows.tsx';
import { ActiveUpload, FinishedUpload } from './upload_rows.tsx';

export function TransfersView() {
  const transfers = use_store(app, (state) => state.live.transfers);
  const counts = use_store(app, (state) => state.live.counts);
  const loaded = use_store(app, (state) => state.loaded);
  const allowed = use_store(app, (state) => may(state.session, 'uploader'));
  use_store(uploads.version, (version) => version);
  const lists = useMemo(() => lists_of(transfers), [transfers]);
  const sending = uploads.list.filter((upload) => upload.ended === null);
  const sent = uploads.list.filter((upload) => upload.ended !== null);
  return (
    <>
      <h1 class="unseen">Transfers</h1>
      <Box />
      <Active transfers={lists.active} uploads={sending} counts={counts} loaded={loaded} allowed={allowed} />
      <Waiting transfers={lists.waiting} counts={counts} allowed={allowed} />
      <Finished transfers={lists.finished} uploads={sent} counts={counts} loaded={loaded} allowed={allowed} />
    </>
  );
}

/** A list with its heading. When the row that had the focus leaves the list, the heading gets it. */
function List(props: {
  id: string;
  title: string;
  count: number;
  beside?: ComponentChildren;
  children: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const section = useRef<HTMLElement>(null);
  const focused = useRef(false);
  useEffect(() => {
    if (focused.current && document.activeElement === document.body) {
      heading.current?.focus({ preventScroll: true });
    }
    focused.current = section.current?.contains(document.activeElement) ?? false;
  });
  return (
    <section
      class="list"
      ref={section}
      aria-labelledby={`${props.id}-title`}
      data-list={props.id}
      onFocusIn={() => (focused.current = true)}
      onFocusOut={(event) => {
        if (event.relatedTarget) focused.current = false;
      }}
    >
      <div class="list-head">
        <h2 id={`${props.id}-title`} ref={heading} tabIndex={-1}>
          {props.title} <span class="list-count">{format_count(props.count)}</span>
        </h2>
        {props.beside}
      </div>
      {props.children}
    </section>
  );
}

interface Shown {
  transfers: Transfer[];
  counts: Counts;
  allowed: boolean;
}

function Active(props: Shown & { uploads: Upload[]; loaded: boolean }) {
  const { transfers, counts } = props;
  const running = counts.starting + counts['in-progress'] + counts.paused;
  const rows = transfers.length + props.uploads.length;
  return (
    <List id="active" title="Active" count={Math.max(running, transfers.length) + props.uploads.length}>
      {rows === 0 ? (
        <Empty>{props.loaded ? 'Nothing is being transferred.' : 'Loading …'}</Empty>
      ) : (
        <ul class="rows">
          {props.uploads.map((upload) => (
            <ActiveUpload key={`upload-${upload.id}`} upload={upload} />
          ))}
          {transfers.map((transfer) => (
            <ActiveRow key={transfer.transferId} transfer={transfer} allowed={props.allowed} />
          ))}
        </ul>
      )}
    </List>
  );
}

/** Long lists do not push the next one out of sight before someone asks for more. */
const WAITING_SHOWN = 6;
const FINISHED_SHOWN = 25;
const MORE_SHOWN = 100;

function Waiting({ transfers, counts, allowed }: Shown) {
  const cursor = use_store(app, (state) => state.cursors.pending);
  const [shown, set_shown] = useState(WAITING_SHOWN);
  const total = Math.max(counts.pending, transfers.length);
  if (counts.pending === 0 && transfers.length === 0) return null;
  return (
    <List id="waiting" title="Waiting" count={total}>
      <ul class="rows rows-dense">
        {transfers.slice(0, shown).map((transfer) => (
          <WaitingRow key={transfer.transferId} transfer={transfer} allowed={allowed} />
        ))}
      </ul>
      {(transfers.length > shown || cursor) && total > shown && (
        <More
          label={`Show more of ${format_count(total)}`}
          onMore={async () => {
            if (cursor && transfers.length < shown + MORE_SHOWN) await load_more('pending');
            set_shown(shown + MORE_SHOWN);
          }}
        />
      )}
    </List>
  );
}

type Filter = 'all' | 'failed' | 'completed' | 'cancelled';

function Finished(props: Shown & { uploads: Upload[]; loaded: boolean }) {
  const { transfers, counts, allowed } = props;
  const [filter, set_filter] = useState<Filter>('all');
  const [shown_most, set_shown_most] = useState(FINISHED_SHOWN);
  const cursors = use_store(app, (state) => state.cursors);
  const all = counts.completed + counts.failed + counts.cancelled;
  const shown = filter === 'all' ? transfers : transfers.filter((t) => t.status === filter);
  const statuses: Status[] = filter === 'all' ? ['completed', 'failed', 'cancelled'] : [filter];
  const left = statuses.filter((status) => cursors[status]);
  const options = [
    ['all', 'All'],
    ['failed', `Failed ${format_count(counts.failed)}`],
    ['completed', `Completed ${format_count(counts.completed)}`],
    ['cancelled', `Cancelled ${format_count(counts.cancelled)}`],
  ] as const;
  return (
    <List
      id="finished"
      title="Finished"
      count={Math.max(all, transfers.length) + props.uploads.length}
      beside={
        all > 0 && (
          <Choice name="finished" legend="Show" value={filter} options={options} onChange={set_filter} />
        )
      }
    >
      {allowed && filter !== 'completed' && filter !== 'cancelled' && (
        <Failures transfers={props.transfers} />
      )}
      {allowed && filter === 'failed' && counts.failed > 1 && (
        <RetryAll failed={counts.failed} />
      )}
      {filter === 'all' && props.uploads.length > 0 && (
        <ul class="rows">
          {props.uploads.map((upload) => (
            <FinishedUpload key={`upload-${upload.id}`} upload={upload} />
          ))}
        </ul>
      )}
      {shown.length === 0 && props.uploads.length === 0 && (
        <Empty>{props.loaded ? 'Nothing has ended yet.' : 'Loading …'}</Empty>
      )}
      {shown.length > 0 && (
        <ul class="rows rows-dense">
          {shown.slice(0, shown_most).map((transfer) => (
            <FinishedRow key={transfer.transferId} transfer={transfer} allowed={allowed} />
          ))}
        </ul>
      )}
      {(left.length > 0 || shown.length > shown_most) && (
        <More
          label="Show more"
          onMore={async () => {
            if (shown.length < shown_most + MORE_SHOWN) await Promise.all(left.map(load_more));
            set_shown_most(shown_most + MORE_SHOWN);
          }}
        />
      )}
    </List>
  );
}

/** Batches of which only a part arrived. */
function Failures({ transfers }: { transfers: Transfer[] }) {
  const everything = use_store(app, (state) => state.live.transfers);
  const batches = useMemo(() => failed_batches(everything), [transfers]);
  if (batches.length === 0) return null;
  return (
    <ul class="rows partials">
      {batches.slice(0, 5).map((batch) => (
        <PartialBatch key={batch.batchId} batch={batch} />
      ))}
    </ul>
  );
}

function PartialBatch({ batch }: { batch: FailedBatch }) {
  const [busy, set_busy] = useState(false);
  const [counts, set_counts] = useState<Counts | null>(null);
  // Of a large batch the page knows a part: the service counts all, asked for when it is calm.
  useEffect(() => {
    const timer = setTimeout(() => {
      api.batch(batch.batchId).then((answer) => set_counts(answer.counts), () => set_counts(null));
    }, 1_000);
    return () => clearTimeout(timer);
  }, [batch.batchId, batch.failed, batch.completed, batch.unfinished]);
  const failed = counts?.failed ?? batch.failed;
  const completed = counts?.completed ?? batch.completed;
  const unfinished = counts
    ? counts.pending + counts.starting + counts['in-progress'] + counts.paused
    : batch.unfinished;
  const others = [
    completed ? `${format_count(completed)} completed` : '',
    unfinished ? `${format_count(unfinished)} to come` : '',
  ].filter(Boolean);
  return (
    <li class="row partial" data-batch={batch.batchId}>
      <span class="state is-bad">
        <Icon name="failed" />
      </span>
      <span class="partial-text">
        <strong>{format_count(failed)} failed</strong> in a batch
        {others.length > 0 && <span class="quiet"> · {others.join(', ')}</span>}
      </span>
      <button
        type="button"
        class="button"
        disabled={busy}
        onClick={async () => {
          set_busy(true);
          await retry_failed(batch.batchId);
          set_busy(false);
        }}
      >
        <Icon name="retry" /> Retry the failed {failed === 1 ? 'one' : 'ones'}
      </button>
    </li>
  );
}

function RetryAll({ failed }: { failed: number }) {
  const [busy, set_busy] = useState(false);
  return (
    <p class="retry-all">
      <button
        type="button"
        class="button"
        disabled={busy}
        onClick={async () => {
          set_busy(true);
          await retry_failed(null);
          set_busy(false);
        }}
      >
        <Icon name="retry" /> Retry all {counted(failed, 'failed one')}
      </button>
    </p>
  );
}
