// What the store holds: buckets, prefixes, objects.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api, ApiError, object_path } from '../api/client.ts';
import type { Bucket, StoredObject } from '../api/types.ts';
import { counted, format_bytes, format_count, format_time, last_step } from '../format.ts';
import { Confirm, Empty, IconButton, More, type Question } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { app, may, say, say_error } from '../state/app.ts';
import { use_store } from '../state/store.ts';
import { objects_route, type Route } from './route.ts';

export function ObjectsView({ route }: { route: Route }) {
  return (
    <>
      <h1 class="unseen">Objects</h1>
      {route.bucket ? (
        <Folder key={`${route.bucket}/${route.prefix}`} bucket={route.bucket} prefix={route.prefix} />
      ) : (
        <Buckets />
      )}
    </>
  );
}

function Buckets() {
  const [buckets, set_buckets] = useState<Bucket[] | null>(null);
  const [wrong, set_wrong] = useState<string | null>(null);
  const stored = use_store(app, (state) => state.stored);
  useEffect(() => {
    api.buckets().then(
      (answer) => {
        set_buckets(answer.buckets);
        set_wrong(null);
      },
      (error: Error) => set_wrong(error.message),
    );
  }, [stored]);
  return (
    <section class="list" aria-labelledby="buckets-title">
      <div class="list-head">
        <h2 id="buckets-title">
          Buckets {buckets && <span class="list-count">{format_count(buckets.length)}</span>}
        </h2>
      </div>
      {wrong && <p class="wrong">{wrong}</p>}
      {!wrong && !buckets && <Empty>Loading …</Empty>}
      {buckets?.length === 0 && <Empty>There is no bucket yet: the first transfer or upload makes it.</Empty>}
      {buckets && buckets.length > 0 && (
        <ul class="rows rows-dense">
          {buckets.map((bucket) => (
            <li key={bucket.name} class="row row-object">
              <span class="state">
                <Icon name="folder" />
              </span>
              <a class="name" href={objects_route(bucket.name, '')}>
                {bucket.name}
              </a>
              <span class="row-when">{bucket.created ? `since ${format_time(bucket.created)}` : ''}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface Listing {
  prefixes: string[];
  objects: StoredObject[];
  cursor: string | null;
}

/** Answers to what is no longer asked are dropped. */
function use_listing(bucket: string, prefix: string) {
  const [listing, set_listing] = useState<Listing | null>(null);
  const [wrong, set_wrong] = useState<string | null>(null);
  const asked = useRef(0);
  const stored = use_store(app, (state) => state.stored);
  const load = async (cursor: string | null) => {
    const mine = ++asked.current;
    try {
      const page = await api.objects({ bucket, prefix, cursor });
      if (mine !== asked.current) return;
      set_listing((before) => ({
        prefixes: [...new Set([...(cursor && before ? before.prefixes : []), ...page.prefixes])],
        objects: [...(cursor && before ? before.objects : []), ...page.objects],
        cursor: page.nextCursor,
      }));
      set_wrong(null);
    } catch (error) {
      if (mine !== asked.current) return;
      set_wrong(
        error instanceof ApiError && error.status === 404 ? 'There is no such bucket.' : (error as Error).message,
      );
    }
  };
  useEffect(() => {
    // Someone who has paged on is not thrown back to the first page.
    if (!listing || listing.objects.length + listing.prefixes.length <= 200) void load(null);
  }, [stored]);
  const without = (key: string) =>
    set_listing((before) => before && { ...before, objects: before.objects.filter((o) => o.key !== key) });
  return { listing, wrong, load, without };
}

function Folder({ bucket, prefix }: { bucket: string; prefix: string }) {
  const { listing, wrong, load, without } = use_listing(bucket, prefix);
  const may_delete = use_store(app, (state) => may(state.session, 'operator'));
  const [question, set_question] = useState<Question | null>(null);
  const title = useRef<HTMLHeadingElement>(null);
  const ask = (object: StoredObject) =>
    set_question({
      title: 'Delete this object?',
      text: (
        <>
          <code class="key">{object.key}</code>
          <p class="quiet">
            {format_bytes(object.size)} in the bucket {bucket}. It cannot be brought back.
          </p>
        </>
      ),
      yes: 'Delete',
      act: async () => {
        try {
          await api.delete_object(bucket, object.key);
          without(object.key);
          say(`${last_step(object.key)} deleted.`);
        } catch (error) {
          say_error('Not deleted', error);
        }
      },
    });
  const count = listing ? listing.objects.length + listing.prefixes.length : 0;
  return (
    <section class="list" aria-labelledby="folder-title">
      <div class="list-head">
        <h2 id="folder-title" ref={title} tabIndex={-1} class="crumbs">
          <Crumbs bucket={bucket} prefix={prefix} />
        </h2>
        {listing && (
          <span class="quiet">
            {counted(count, 'entry', 'entries')}
            {listing.cursor ? ' so far' : ''} · {format_bytes(listing.objects.reduce((sum, o) => sum + o.size, 0))}
          </span>
        )}
      </div>
      {wrong && <p class="wrong">{wrong}</p>}
      {!wrong && !listing && <Empty>Loading …</Empty>}
      {listing && count === 0 && !wrong && (
        <Empty>Nothing here. Drop files on this page to upload them into this folder.</Empty>
      )}
      {listing && count > 0 && (
        <ul class="rows rows-dense">
          {listing.prefixes.map((step) => (
            <li key={step} class="row row-object" data-prefix={step}>
              <span class="state">
                <Icon name="folder" />
              </span>
              <a class="name" href={objects_route(bucket, step)}>
                {last_step(step)}
              </a>
            </li>
          ))}
          {listing.objects.map((object) => (
            <ObjectRow
              key={object.key}
              bucket={bucket}
              prefix={prefix}
              object={object}
              onDelete={may_delete ? () => ask(object) : null}
            />
          ))}
        </ul>
      )}
      {listing?.cursor && <More label="Show more" onMore={() => load(listing.cursor)} />}
      <Confirm
        question={question}
        onClose={() => {
          set_question(null);
          // The row with the button that opened the dialog may be gone.
          setTimeout(() => {
            if (document.activeElement === document.body) title.current?.focus();
          });
        }}
      />
    </section>
  );
}

function ObjectRow(props: {
  bucket: string;
  prefix: string;
  object: StoredObject;
  onDelete: (() => void) | null;
}) {
  const { object } = props;
  const name = object.key.slice(props.prefix.length) || object.key;
  const path = object_path(props.bucket, object.key);
  return (
    <li class="row row-object" data-key={object.key}>
      <span class="state">
        <Icon name="file" />
      </span>
      <a class="name" href={path} target="_blank" rel="noopener noreferrer" title={`Open ${object.key}`}>
        {name}
      </a>
      <span class="row-size">{format_bytes(object.size)}</span>
      <span class="row-when">{format_time(object.lastModified)}</span>
      <div class="row-actions">
        <a class="icon-button" href={`${path}?download=1`} download aria-label={`Download ${name}`} title={`Download ${name}`}>
          <Icon name="download" />
        </a>
        {props.onDelete && <IconButton icon="remove" label={`Delete ${name}`} danger onClick={props.onDelete} />}
      </div>
    </li>
  );
}

function Crumbs({ bucket, prefix }: { bucket: string; prefix: string }) {
  const steps = prefix.split('/').filter((_, index, all) => index < all.length - 1 || all[index] !== '');
  return (
    <nav aria-label="Folder">
      <a href="#/objects">Buckets</a>
      <span class="crumb-between" aria-hidden="true">
        /
      </span>
      {steps.length === 0 ? <span aria-current="location">{bucket}</span> : <a href={objects_route(bucket, '')}>{bucket}</a>}
      {steps.map((step, index) => {
        const below = `${steps.slice(0, index + 1).join('/')}/`;
        return (
          <span key={below}>
            <span class="crumb-between" aria-hidden="true">
              /
            </span>
            {index === steps.length - 1 ? (
              <span aria-current="location">{step}</span>
            ) : (
              <a href={objects_route(bucket, below)}>{step}</a>
            )}
          </span>
        );
      })}
    </nav>
  );
}
