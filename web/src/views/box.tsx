// The box: addresses to fetch, files to send, and where they go.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api, ApiError } from '../api/client.ts';
import { counted, format_bytes } from '../format.ts';
import { Icon } from '../parts/icons.tsx';
import { app, may, say } from '../state/app.ts';
import { destination } from '../state/destination.ts';
import { chosen_files } from '../state/files.ts';
import { clean_prefix, parse_sources, type Sources } from '../state/sources.ts';
import { use_store } from '../state/store.ts';
import { drop_target, send_files } from './drop_zone.tsx';

interface Refused {
  message: string;
  rows: { row: number; message: string }[];
}

/** What a refused batch says about its rows; they count from 1. */
function refused_by(error: ApiError): Refused {
  const details = Array.isArray(error.details) ? error.details : [];
  return {
    message: error.message,
    rows: details.filter(
      (row): row is { row: number; message: string } =>
        typeof row?.row === 'number' && typeof row?.message === 'string',
    ),
  };
}

async function begin(sources: Sources, bucket: string, prefix: string): Promise<void> {
  if (sources.urls.length === 1) {
    await api.start({ sourceUrl: sources.urls[0]!, bucketName: bucket, ...(prefix ? { keyPrefix: prefix } : {}) });
  } else {
    await api.start_batch(sources.urls.map((sourceUrl) => ({ sourceUrl })), bucket, prefix);
  }
}

export function Box() {
  const allowed = use_store(app, (state) => may(state.session, 'uploader'));
  const [text, set_text] = useState('');
  const [refused, set_refused] = useState<Refused | null>(null);
  const [busy, set_busy] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const sources = parse_sources(text);
  if (!allowed) {
    return (
      <p class="notice">
        Your key reads only: it may look at transfers and objects, but not start or upload anything.
      </p>
    );
  }
  const change = (value: string) => {
    set_text(value);
    set_refused(null);
  };
  const submit = async () => {
    area.current?.focus();
    if (sources.urls.length === 0 || busy) return;
    set_busy(true);
    const target = drop_target({ view: 'transfers', bucket: '', prefix: '' });
    try {
      await begin(sources, target.bucket, target.prefix);
      // What was no address stays, to be mended.
      change(sources.wrong.map((wrong) => wrong.text).join('\n'));
      say(`${counted(sources.urls.length, 'transfer')} accepted.`);
    } catch (error) {
      set_refused(
        error instanceof ApiError ? refused_by(error) : { message: String(error), rows: [] },
      );
    }
    set_busy(false);
  };
  const leave_out = () => {
    const out = new Set(refused?.rows.map((row) => sources.urls[row.row - 1]));
    change(sources.urls.filter((url) => !out.has(url)).join('\n'));
    area.current?.focus();
  };
  const lines = Math.min(10, Math.max(2, text.split('\n').length));
  return (
    <section class="card box" aria-label="New transfers and uploads">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label class="unseen" for="sources">
          URLs to fetch, one or many
        </label>
        <textarea
          id="sources"
          ref={area}
          class="input input-code sources"
          rows={lines}
          value={text}
          spellcheck={false}
          autocomplete="off"
          placeholder="Paste one URL, or many, a line each"
          aria-describedby="sources-said"
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            void submit();
          }}
        />
        <div id="sources-said" class="said" aria-live="polite">
          <Said sources={sources} refused={refused} onLeaveOut={leave_out} />
        </div>
        <div class="box-line">
          <Into />
          <div class="box-buttons">
            <Choosers />
            <button
              type="submit"
              class="button button-primary"
              disabled={busy || sources.urls.length === 0}
            >
              {sources.urls.length > 1 ? `Fetch ${counted(sources.urls.length, 'URL')}` : 'Fetch URL'}
            </button>
          </div>
        </div>
      </form>
    </section>
  );
}

function Said(props: { sources: Sources; refused: Refused | null; onLeaveOut: () => void }) {
  const { sources, refused } = props;
  const { wrong, duplicates, urls } = sources;
  return (
    <>
      {duplicates > 0 && <p class="quiet">{counted(duplicates, 'repetition')} left out.</p>}
      {wrong.length > 0 && (
        <ul class="wrongs">
          {wrong.slice(0, 5).map((one) => (
            <li key={one.text} class="wrong">
              <code>{one.text}</code> {one.why}
            </li>
          ))}
          {wrong.length > 5 && <li class="wrong">and {wrong.length - 5} more</li>}
        </ul>
      )}
      {refused && (
        <div class="refused" role="alert">
          <p class="wrong">Nothing was started. {refused.message}</p>
          {refused.rows.length > 0 && (
            <ul class="wrongs">
              {refused.rows.slice(0, 5).map((row) => (
                <li key={row.row} class="wrong">
                  <code>{urls[row.row - 1] ?? `line ${row.row}`}</code> {row.message}
                </li>
              ))}
              {refused.rows.length > 5 && <li class="wrong">and {refused.rows.length - 5} more</li>}
            </ul>
          )}
          {refused.rows.length > 0 && refused.rows.length < urls.length && (
            <button type="button" class="button" onClick={props.onLeaveOut}>
              Leave {refused.rows.length === 1 ? 'it' : 'them'} out
            </button>
          )}
        </div>
      )}
    </>
  );
}

/** Where everything from the box goes. */
function Into() {
  const into = use_store(destination, (value) => value);
  const fallback = use_store(app, (state) => state.settings?.defaultBucket ?? '');
  const [buckets, set_buckets] = useState<string[]>([]);
  useEffect(() => {
    api.buckets().then(
      (answer) => set_buckets(answer.buckets.map((bucket) => bucket.name)),
      () => set_buckets([]),
    );
  }, [fallback]);
  const chosen = into.bucket || fallback;
  const names = [...new Set([...(chosen ? [chosen] : []), ...(fallback ? [fallback] : []), ...buckets])].sort();
  return (
    <div class="into">
      <label for="into-bucket">Into</label>
      <select
        id="into-bucket"
        class="input"
        aria-label="Bucket that it goes into"
        value={chosen}
        onChange={(event) => destination.set({ ...into, bucket: event.currentTarget.value })}
      >
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <span aria-hidden="true">/</span>
      <input
        class="input input-code"
        aria-label="Prefix of the keys, may be empty"
        placeholder="prefix/"
        spellcheck={false}
        autocomplete="off"
        value={into.prefix}
        onInput={(event) => destination.set({ ...into, prefix: event.currentTarget.value })}
        onBlur={() => destination.set({ ...into, prefix: clean_prefix(into.prefix) })}
      />
    </div>
  );
}

function Choosers() {
  const settings = use_store(app, (state) => state.settings);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const send = (input: HTMLInputElement) => {
    if (input.files?.length) {
      send_files(chosen_files(input.files), drop_target({ view: 'transfers', bucket: '', prefix: '' }));
    }
    input.value = '';
  };
  const hint = settings
    ? `Or drop them anywhere on this page. Above ${format_bytes(settings.upload.fileBytesMax)} they are sent so that they can be resumed.`
    : '';
  return (
    <>
      <button type="button" class="button" title={hint} onClick={() => files.current?.click()}>
        <Icon name="file" /> Files …
      </button>
      <button type="button" class="button" title={hint} onClick={() => folder.current?.click()}>
        <Icon name="folder" /> Folder …
      </button>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        data-choose="files"
        onChange={(event) => send(event.currentTarget)}
      />
      <input
        ref={folder}
        type="file"
        hidden
        data-choose="folder"
        {...{ webkitdirectory: true }}
        onChange={(event) => send(event.currentTarget)}
      />
    </>
  );
}
