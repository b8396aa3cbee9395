// Access keys: who may do what.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api/client.ts';
import type { AccessKey, Role } from '../api/types.ts';
import { format_count, format_time } from '../format.ts';
import { Confirm, Empty, type Question } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { app, may, say, say_error } from '../state/app.ts';
import { use_store } from '../state/store.ts';

const ROLES: readonly (readonly [Role, string])[] = [
  ['reader', 'reader: looks'],
  ['uploader', 'uploader: starts transfers and uploads'],
  ['operator', 'operator: all transfers, deletes'],
  ['admin', 'admin: keys, too'],
];

export function KeysView() {
  const allowed = use_store(app, (state) => may(state.session, 'admin'));
  const [keys, set_keys] = useState<AccessKey[] | null>(null);
  const [secret, set_secret] = useState<{ name: string; secret: string } | null>(null);
  const [question, set_question] = useState<Question | null>(null);
  const load = () =>
    api.keys().then((answer) => set_keys(answer.keys), (error) => say_error('Keys not loaded', error));
  useEffect(() => {
    if (allowed) void load();
  }, [allowed]);
  if (!allowed) return <Empty>Keys are for admins.</Empty>;
  const with_use = keys?.some((key) => key.lastUsed !== undefined) ?? false;
  const ask = (key: AccessKey) =>
    set_question({
      title: 'Revoke this key?',
      text: (
        <p>
          Whoever uses <strong>{key.name}</strong> is signed out at once. It cannot be undone.
        </p>
      ),
      yes: 'Revoke',
      act: async () => {
        try {
          await api.revoke_key(key.id);
          say(`${key.name} revoked.`);
        } catch (error) {
          say_error('Not revoked', error);
        }
        await load();
      },
    });
  return (
    <>
      <section class="list" aria-labelledby="keys-title">
        <div class="list-head">
          <h1 id="keys-title">
            Keys {keys && <span class="list-count">{format_count(keys.length)}</span>}
          </h1>
        </div>
        {secret && <Secret {...secret} onDone={() => set_secret(null)} />}
        {!keys && <Empty>Loading …</Empty>}
        {keys?.length === 0 && <Empty>No key has been made yet.</Empty>}
        {keys && keys.length > 0 && (
          <div class="scroll" tabIndex={0} role="region" aria-label="Table of keys, scrolls sideways">
            <table class="table">
              <thead>
                <tr>
                  {['Name', 'Role', 'Buckets', 'Made', 'Expires', ...(with_use ? ['Last used'] : []), ''].map((title) => (
                    <th key={title} scope="col">
                      {title || <span class="unseen">Revoke</span>}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {keys.map((key) => (
                  <tr key={key.id} class={key.revoked ? 'is-idle' : ''}>
                    <th scope="row">{key.name}</th>
                    <td>{key.role}</td>
                    <td class="buckets">{key.buckets?.length ? key.buckets.join(', ') : 'all'}</td>
                    <td>{format_time(key.created)}</td>
                    <td>{key.expires ? format_time(key.expires) : 'never'}</td>
                    {with_use && <td>{key.lastUsed ? format_time(key.lastUsed) : 'never'}</td>}
                    <td class="number">
                      {key.revoked ? (
                        <span class="tag">revoked</span>
                      ) : (
                        <button type="button" class="button button-quiet" aria-label={`Revoke ${key.name}`} onClick={() => ask(key)}>
                          Revoke …
                        </button>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      <NewKey
        onMade={(made) => {
          set_secret(made);
          void load();
        }}
      />
      <Confirm question={question} onClose={() => set_question(null)} />
    </>
  );
}

function Secret(props: { name: string; secret: string; onDone: () => void }) {
  const [copied, set_copied] = useState(false);
  const shown = useRef<HTMLDivElement>(null);
  useEffect(() => shown.current?.focus(), [props.secret]);
  const copy = () =>
    navigator.clipboard?.writeText(props.secret).then(
      () => set_copied(true),
      () => set_copied(false),
    );
  return (
    <div class="notice secret" tabIndex={-1} ref={shown} aria-label={`The new key ${props.name}`}>
      <p>
        <strong>{props.name}</strong>: this key is shown once and kept nowhere. Copy it now.
      </p>
      <code class="key">{props.secret}</code>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={copy}>
          <Icon name="copy" /> {copied ? 'Copied' : 'Copy'}
        </button>
        <button type="button" class="button" onClick={props.onDone}>
          Done
        </button>
      </div>
    </div>
  );
}

function NewKey({ onMade }: { onMade: (made: { name: string; secret: string }) => void }) {
  const [wrong, set_wrong] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const field = (name: string) => String(given.get(name) ?? '').trim();
    const buckets = field('buckets').split(/[\s,]+/).filter(Boolean);
    try {
      const { key } = await api.add_key({
        name: field('name'),
        role: field('role') as Role,
        ...(buckets.length ? { buckets } : {}),
        ...(field('expires') ? { expires: new Date(`${field('expires')}T23:59:59`).toISOString() } : {}),
      });
      set_wrong(null);
      form.reset();
      onMade({ name: key.name, secret: key.secret });
    } catch (error) {
      set_wrong((error as Error).message);
    }
  };
  return (
    <section class="card" aria-labelledby="new-key-title">
      <h2 id="new-key-title">New key</h2>
      <form class="fields" onSubmit={submit}>
        <label>
          Name
          <input class="input" name="name" required maxLength={100} autocomplete="off" />
        </label>
        <label>
          Role
          <select class="input" name="role">
            {ROLES.map(([role, text]) => (
              <option key={role} value={role}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          Buckets <span class="quiet">(none: all)</span>
          <input class="input input-code" name="buckets" placeholder="photos, logs/2026/" spellcheck={false} autocomplete="off" />
        </label>
        <label>
          Expires <span class="quiet">(none: never)</span>
          <input class="input" name="expires" type="date" />
        </label>
        <button type="submit" class="button button-primary">
          Make key
        </button>
      </form>
      {wrong && (
        <p class="wrong" role="alert">
          {wrong}
        </p>
      )}
    </section>
  );
}
