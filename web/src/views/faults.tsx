// The faults of the endpoint behind the service: what it does wrong on purpose.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client.ts';
import { format_count } from '../format.ts';
import { Empty } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { app, say, say_error } from '../state/app.ts';
import { use_store } from '../state/store.ts';

interface Rule {
  do: string;
  on?: string;
  acted?: number;
  met?: boolean;
  [field: string]: unknown;
}

const NOT_FIELDS = new Set(['do', 'on', 'acted', 'met', 'index']);

const EXAMPLES: readonly (readonly [string, string])[] = [
  ['Slow down', '{"rules": [\n  {"on": "UploadPart", "after": 3, "count": 2, "do": "status",\n   "status": 503, "code": "SlowDown", "retry_after_s": 1}]}'],
  ['Resets', '{"seed": 7, "rules": [\n  {"on": "*", "probability": 0.1, "do": "reset"}]}'],
  ['Lost answer', '{"rules": [\n  {"on": "CompleteMultipartUpload", "count": 1, "do": "lose_answer"}]}'],
  ['Slow store', '{"rules": [\n  {"on": "PutObject", "do": "delay", "ms": 500}]}'],
  ['Corruption', '{"rules": [\n  {"on": "UploadPart", "count": 1, "do": "corrupt"}]}'],
];

export function FaultsView() {
  const there = use_store(app, (state) => state.settings?.faults ?? false);
  const [rules, set_rules] = useState<Rule[] | null>(null);
  const [script, set_script] = useState('');
  const [wrong, set_wrong] = useState<string | null>(null);
  const load = async () => {
    try {
      const answer = (await api.faults()) as { rules?: Rule[] } | null;
      set_rules(answer?.rules ?? []);
    } catch (error) {
      say_error('Faults not loaded', error);
    }
  };
  useEffect(() => {
    if (!there) return;
    void load();
    const timer = setInterval(load, 2_000);
    return () => clearInterval(timer);
  }, [there]);
  if (!there) return <Empty>The store of this service is no endpoint with faults.</Empty>;
  const apply = async (event: Event) => {
    event.preventDefault();
    try {
      JSON.parse(script);
    } catch (error) {
      return set_wrong(`This is not JSON: ${(error as Error).message}`);
    }
    try {
      await api.set_faults(script);
      set_wrong(null);
      say('The endpoint now follows this script.');
    } catch (error) {
      set_wrong((error as Error).message);
    }
    await load();
  };
  const lift = async () => {
    try {
      await api.clear_faults();
      say('No faults any more.');
    } catch (error) {
      say_error('Not removed', error);
    }
    await load();
  };
  return (
    <>
      <section class="list" aria-labelledby="faults-title">
        <div class="list-head">
          <h1 id="faults-title">
            Faults {rules && <span class="list-count">{rules.length}</span>}
          </h1>
          {rules && rules.length > 0 && (
            <button type="button" class="button" onClick={lift}>
              Remove all
            </button>
          )}
        </div>
        {!rules && <Empty>Loading …</Empty>}
        {rules?.length === 0 && <Empty>The store behaves. A script below makes it fail on purpose.</Empty>}
        <ul class="rows rows-dense">
          {rules?.map((rule, index) => (
            <li key={index} class="row row-fault">
              <span class={`state ${rule.met ? 'is-good' : 'is-quiet'}`}>
                <Icon name={rule.met ? 'done' : 'waiting'} />
                <span class="unseen">{rule.met ? 'Met' : 'Not met yet'}</span>
              </span>
              <span class="alert-text">
                <strong>{rule.do}</strong> on <code>{rule.on ?? '*'}</code>
              </span>
              <span class="quiet">
                {Object.entries(rule)
                  .filter(([field]) => !NOT_FIELDS.has(field))
                  .map(([field, value]) => `${field} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
                  .join(', ')}
              </span>
              <span class="row-when">acted {format_count(rule.acted ?? 0)} ×</span>
            </li>
          ))}
        </ul>
      </section>
      <section class="card" aria-labelledby="script-title">
        <form onSubmit={apply}>
          <h2 id="script-title">Script</h2>
          <p class="examples">
            {EXAMPLES.map(([name, text]) => (
              <button key={name} type="button" class="button button-quiet" onClick={() => set_script(text)}>
                {name}
              </button>
            ))}
          </p>
          <textarea
            class="input input-code"
            rows={8}
            aria-labelledby="script-title"
            aria-invalid={wrong !== null}
            aria-describedby={wrong ? 'script-wrong' : undefined}
            spellcheck={false}
            value={script}
            placeholder={'{"rules": [{"on": "PutObject", "count": 1, "do": "status", "status": 503}]}'}
            onInput={(event) => {
              set_script(event.currentTarget.value);
              set_wrong(null);
            }}
          />
          {wrong && (
            <p id="script-wrong" class="wrong" role="alert">
              {wrong}
            </p>
          )}
          <button type="submit" class="button button-primary" disabled={script.trim() === ''}>
            Apply
          </button>
        </form>
      </section>
    </>
  );
}
