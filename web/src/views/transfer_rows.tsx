// A transfer in each of the lists.

import { useState } from 'preact/hooks';
import type { Transfer } from '../api/types.ts';
import {
  format_bytes, format_duration, format_ms, format_speed, format_time, key_name, seconds_between, url_name,
} from '../format.ts';
import { Strip } from '../parts/charts.tsx';
import { IconButton } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { memo } from '../parts/memo.ts';
import { order } from '../state/app.ts';
import { objects_route } from './route.ts';

export interface RowProps {
  transfer: Transfer;
  allowed: boolean;
}

export function name_of({ metadata }: Transfer): string {
  return metadata.s3Key ? key_name(metadata.s3Key) : url_name(metadata.sourceUrl);
}

function folder_of({ metadata }: Transfer): string {
  const key = metadata.s3Key ?? metadata.keyPrefix ?? '';
  return key.slice(0, key.lastIndexOf('/') + 1);
}

function FromTo({ transfer }: { transfer: Transfer }) {
  const { sourceUrl, bucketName } = transfer.metadata;
  const into = `${bucketName}/${folder_of(transfer)}`;
  return (
    <span class="from" title={`${sourceUrl} → ${into}`}>
      <span class="from-url">{sourceUrl.replace(/^https?:\/\//, '')}</span>
      <span class="from-into"> → {into}</span>
    </span>
  );
}

function Attempt({ transfer }: { transfer: Transfer }) {
  if (transfer.metadata.attempt <= 1) return null;
  return (
    <span class="tag" title="How often it was begun: anew after a failure, a pause or a restart">
      attempt {transfer.metadata.attempt}
    </span>
  );
}

/** Orders take a moment; until they are carried out another is not given. */
function use_orders(id: string): [boolean, (what: Parameters<typeof order>[0]) => void] {
  const [busy, set_busy] = useState(false);
  return [
    busy,
    async (what) => {
      set_busy(true);
      await order(what, id);
      set_busy(false);
    },
  ];
}

export const ActiveRow = memo(function ActiveRow({ transfer, allowed }: RowProps) {
  const { progress, status, metadata } = transfer;
  const name = name_of(transfer);
  const [busy, give] = use_orders(transfer.transferId);
  const paused = status === 'paused';
  return (
    <li class="row row-active" data-id={transfer.transferId} data-status={status}>
      <div class="row-name">
        <span class="name" title={metadata.s3Key ?? metadata.sourceUrl}>
          {name}
        </span>
        <Attempt transfer={transfer} />
        <FromTo transfer={transfer} />
      </div>
      <div class="row-progress">
        <Strip progress={progress} label={`Progress of ${name}`} still={paused} />
        <div class="numbers">
          <span class="number-percent">
            {progress.percentage === null ? '–' : `${Math.floor(progress.percentage)} %`}
          </span>
          <span class="number-bytes">
            {format_bytes(progress.bytesTransferred)}
            {progress.totalBytes !== null && ` of ${format_bytes(progress.totalBytes)}`}
          </span>
          {progress.partsTotal > 1 && (
            <span class="number-parts">
              {progress.partsDone} / {progress.partsTotal} parts
            </span>
          )}
          <span class="number-speed">{status === 'in-progress' ? format_speed(progress.bytesPerSecond) : ''}</span>
          <span class="number-eta">{said_of(transfer)}</span>
        </div>
      </div>
      <div class="row-actions">
        {paused ? (
          <IconButton icon="play" label={`Resume ${name}`} disabled={!allowed || busy} onClick={() => give('resume')} />
        ) : (
          <IconButton icon="pause" label={`Pause ${name}`} disabled={!allowed || busy} onClick={() => give('pause')} />
        )}
        <IconButton icon="cancel" label={`Cancel ${name}`} disabled={!allowed || busy} danger onClick={() => give('cancel')} />
      </div>
    </li>
  );
});

function said_of({ status, progress }: Transfer): string {
  if (status === 'paused') return 'Paused';
  if (status === 'starting') return 'Starting …';
  if (progress.etaSeconds === null) return '';
  return `${format_duration(progress.etaSeconds)} left`;
}

export const WaitingRow = memo(function WaitingRow({ transfer, allowed }: RowProps) {
  const { metadata } = transfer;
  const name = name_of(transfer);
  const [busy, give] = use_orders(transfer.transferId);
  const later = metadata.notBefore && Date.parse(metadata.notBefore) > Date.now();
  return (
    <li class="row row-waiting" data-id={transfer.transferId} data-status={transfer.status}>
      <span class="state">
        <Icon name="waiting" />
        <span class="unseen">Waiting</span>
      </span>
      <div class="row-name">
        <span class="name">{name}</span>
        <Attempt transfer={transfer} />
        {metadata.priority !== 0 && <span class="tag">priority {metadata.priority}</span>}
        <FromTo transfer={transfer} />
      </div>
      <span class="row-when">
        {later ? `not before ${format_time(metadata.notBefore)}` : `since ${format_time(metadata.createdTime)}`}
      </span>
      <div class="row-actions">
        <IconButton icon="pause" label={`Pause ${name}`} disabled={!allowed || busy} onClick={() => give('pause')} />
        <IconButton icon="cancel" label={`Cancel ${name}`} disabled={!allowed || busy} danger onClick={() => give('cancel')} />
      </div>
    </li>
  );
});

const STATE = {
  completed: { icon: 'done', text: 'Completed', tone: 'is-good' },
  failed: { icon: 'failed', text: 'Failed', tone: 'is-bad' },
  cancelled: { icon: 'cancel', text: 'Cancelled', tone: 'is-quiet' },
} as const;

export const FinishedRow = memo(function FinishedRow({ transfer, allowed }: RowProps) {
  const { metadata, progress, status, error } = transfer;
  const name = name_of(transfer);
  const state = STATE[status as keyof typeof STATE] ?? STATE.failed;
  const [busy, give] = use_orders(transfer.transferId);
  const took = seconds_between(metadata.startTime, metadata.endTime);
  const bytes = status === 'completed' ? (progress.totalBytes ?? progress.bytesTransferred) : null;
  const speed = bytes !== null && took ? format_speed(bytes / took) : '';
  return (
    <li class="row row-finished" data-id={transfer.transferId} data-status={status}>
      <span class={`state ${state.tone}`} title={state.text}>
        <Icon name={state.icon} />
        <span class="unseen">{state.text}</span>
      </span>
      <div class="row-name">
        {status === 'completed' && metadata.s3Key ? (
          <a class="name" href={objects_route(metadata.bucketName, folder_of(transfer))} title={metadata.s3Key}>
            {name}
          </a>
        ) : (
          <span class="name">{name}</span>
        )}
        <Attempt transfer={transfer} />
        <FromTo transfer={transfer} />
        {status === 'completed' && metadata.note && <span class="note">{metadata.note}</span>}
        {status === 'failed' && error && (
          <span class="why">
            {error.message} <code class="code">{error.code}</code>
          </span>
        )}
      </div>
      <span class="row-size">{bytes === null ? '' : format_bytes(bytes)}</span>
      <span class="row-took">
        {status === 'completed' && took !== null && `${took < 10 ? format_ms(took * 1000) : format_duration(took)}${speed && ` · ${speed}`}`}
        {status === 'cancelled' && 'Cancelled'}
        {status === 'failed' && error && !error.retryable && 'a retry is unlikely to help'}
      </span>
      <span class="row-when">{format_time(metadata.endTime ?? metadata.lastUpdateTime)}</span>
      <div class="row-actions">
        {status === 'failed' && (
          <button type="button" class="button" disabled={!allowed || busy} aria-label={`Retry ${name}`} onClick={() => give('retry')}>
            <Icon name="retry" /> Retry
          </button>
        )}
        {status === 'cancelled' && (
          <IconButton icon="retry" label={`Retry ${name}`} disabled={!allowed || busy} onClick={() => give('retry')} />
        )}
      </div>
    </li>
  );
});
