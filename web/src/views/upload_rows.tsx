// Uploads from this browser in the lists.

import { counted, format_bytes, format_count, format_duration, format_speed, format_time } from '../format.ts';
import { Strip } from '../parts/charts.tsx';
import { IconButton } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { sums_of, uploads, type Upload, type UploadFile } from '../state/uploads.ts';
import { objects_route } from './route.ts';

/** Of a long list so many are named, those that failed first. */
const NAMED_MAX = 200;

export function ActiveUpload({ upload }: { upload: Upload }) {
  const sums = sums_of(upload);
  const left = sums.bytes - sums.sent;
  const resumable = upload.files.some((file) => file.how === 'resumable' && file.state !== 'done');
  const percentage = sums.bytes > 0 ? (100 * sums.sent) / sums.bytes : 0;
  const through = sums.sent >= sums.bytes && sums.sending > 0;
  const progress = {
    bytesTransferred: sums.sent,
    totalBytes: sums.bytes,
    percentage,
    bytesPerSecond: upload.rate,
    etaSeconds: null,
    partsDone: sums.done,
    partsTotal: sums.files,
    partsInFlight: sums.sending,
    parts: strip_of(upload.files),
  };
  return (
    <li class="row row-active" data-upload={upload.id}>
      <div class="row-name">
        <span class="name">{upload.title}</span>
        <span class="from">
          <Icon name="up" /> from this browser
          <span class="from-into">
            {' '}
            → {upload.bucket}/{upload.prefix}
          </span>
        </span>
      </div>
      <div class="row-progress">
        <Strip progress={progress} label={`Progress of ${upload.title}`} still={upload.paused} />
        <div class="numbers">
          <span class="number-percent">{Math.floor(percentage)} %</span>
          <span class="number-bytes">
            {format_bytes(sums.sent)} of {format_bytes(sums.bytes)}
          </span>
          {sums.files > 1 && (
            <span class="number-parts">
              {format_count(sums.done)} / {format_count(sums.files)} files
              {sums.failed > 0 && <span class="is-bad">, {format_count(sums.failed)} failed</span>}
            </span>
          )}
          <span class="number-speed">{upload.paused ? '' : format_speed(upload.rate)}</span>
          <span class="number-eta">
            {upload.paused
              ? 'Paused'
              : through
                ? 'Being stored …'
                : upload.rate > 0
                  ? `${format_duration(left / upload.rate)} left`
                  : ''}
          </span>
        </div>
      </div>
      <div class="row-actions">
        {upload.paused ? (
          <IconButton icon="play" label={`Resume ${upload.title}`} onClick={() => uploads.resume(upload)} />
        ) : (
          resumable && (
            <IconButton icon="pause" label={`Pause ${upload.title}`} onClick={() => uploads.pause(upload)} />
          )
        )}
        <IconButton icon="cancel" label={`Cancel ${upload.title}`} danger onClick={() => uploads.cancel(upload)} />
      </div>
    </li>
  );
}

/** A part of the strip per file, where there are not too many. */
function strip_of(files: readonly UploadFile[]): string {
  if (files.length < 2 || files.length > 200) return '';
  return files
    .map((file) => (file.state === 'done' ? 'd' : file.state === 'sending' ? 'a' : '.'))
    .join('');
}

export function FinishedUpload({ upload }: { upload: Upload }) {
  const sums = sums_of(upload);
  const bad = sums.failed > 0;
  const none = sums.done === 0;
  const said = none && !bad ? 'Cancelled' : `${format_count(sums.done)} of ${counted(sums.files, 'file')} stored`;
  const many = upload.files.length > 1;
  const folder = folder_of(upload);
  return (
    <li class="row row-upload" data-upload={upload.id} data-status={bad ? 'failed' : none ? 'cancelled' : 'completed'}>
      <div class="row-finished">
        <span class={`state ${bad ? 'is-bad' : none ? 'is-quiet' : 'is-good'}`}>
          <Icon name={bad ? 'failed' : none ? 'cancel' : 'done'} />
          <span class="unseen">{bad ? 'Partly failed' : none ? 'Cancelled' : 'Completed'}</span>
        </span>
        <div class="row-name">
          <span class="name">{upload.title}</span>
          <span class="from">
            <Icon name="up" /> from this browser
            <span class="from-into">
              {' '}
              →{' '}
              <a href={objects_route(upload.bucket, folder)}>
                {upload.bucket}/{folder}
              </a>
            </span>
          </span>
        </div>
        <span class="row-size">{sums.done > 0 ? format_bytes(stored_bytes(upload)) : ''}</span>
        <span class="row-took">{said}</span>
        <span class="row-when">{format_time(upload.ended === null ? null : new Date(upload.ended).toISOString())}</span>
        <div class="row-actions">
          {(bad || sums.cancelled > 0) && (
            <button type="button" class="button" onClick={() => uploads.retry_failed(upload)}>
              <Icon name="retry" /> {bad && many ? `Retry the failed ${sums.failed === 1 ? 'one' : 'ones'}` : 'Retry'}
            </button>
          )}
          <IconButton icon="cancel" label={`Remove ${upload.title} from this list`} onClick={() => uploads.forget(upload)} />
        </div>
      </div>
      <Files upload={upload} open={bad} />
    </li>
  );
}

/** Where it went: the service makes up the keys of a batch. */
function folder_of({ files, prefix }: Upload): string {
  const key = files.find((file) => file.state === 'done' && file.how === 'batch')?.key;
  return key ? key.slice(0, key.lastIndexOf('/') + 1) : prefix;
}

function stored_bytes(upload: Upload): number {
  return upload.files.reduce((sum, file) => sum + (file.state === 'done' ? file.size : 0), 0);
}

const WORDS = { waiting: 'waiting', sending: 'being sent', done: 'stored', failed: 'failed', cancelled: 'cancelled' };
const ORDER = { failed: 0, cancelled: 1, sending: 2, waiting: 3, done: 4 };

function Files({ upload, open }: { upload: Upload; open: boolean }) {
  if (upload.files.length === 1 && !open) return null;
  const files = [...upload.files].sort((a, b) => ORDER[a.state] - ORDER[b.state]).slice(0, NAMED_MAX);
  return (
    <details class="files" open={open}>
      <summary>{counted(upload.files.length, 'file')}</summary>
      <ul>
        {files.map((file) => (
          <li key={file.path} data-file={file.name} data-status={file.state}>
            <span class={`state ${file.state === 'failed' ? 'is-bad' : file.state === 'done' ? 'is-good' : 'is-quiet'}`}>
              <Icon name={file.state === 'failed' ? 'failed' : file.state === 'done' ? 'done' : 'cancel'} />
            </span>
            <span class="files-name">{file.path}</span>
            <span class="files-size">{format_bytes(file.size)}</span>
            <span class={file.state === 'failed' ? 'why' : 'quiet'}>{file.error ?? WORDS[file.state]}</span>
          </li>
        ))}
        {upload.files.length > files.length && (
          <li class="quiet">and {format_count(upload.files.length - files.length)} more</li>
        )}
      </ul>
    </details>
  );
}
