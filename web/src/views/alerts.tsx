// What is worse than it may be, and what was.

import { useEffect, useState } from 'preact/hooks';
import { api } from '../api/client.ts';
import type { Alert } from '../api/types.ts';
import { format_bytes, format_ms, format_share, format_time } from '../format.ts';
import { Empty } from '../parts/controls.tsx';
import { Icon } from '../parts/icons.tsx';
import { app, may, say, say_error } from '../state/app.ts';
import { use_store } from '../state/store.ts';

const NAMES: Record<string, string> = {
  duration: 'takes long',
  memory: 'takes much memory',
  successRate: 'succeeds too rarely',
  errorRate: 'fails too often',
  pausing: 'is paused too often',
};

export function format_metric(metric: string, value: number): string {
  if (metric === 'duration') return format_ms(value);
  if (metric === 'memory') return format_bytes(value);
  if (metric === 'successRate' || metric === 'errorRate') return format_share(value);
  return String(Math.round(value * 100) / 100);
}

export function AlertsView() {
  const alerted = use_store(app, (state) => state.alerted);
  const may_suppress = use_store(app, (state) => may(state.session, 'operator'));
  const [alerts, set_alerts] = useState<{ firing: Alert[]; resolved: Alert[] } | null>(null);
  const load = () => api.alerts().then(set_alerts, (error) => say_error('Alerts not loaded', error));
  useEffect(() => {
    void load();
    const timer = setInterval(load, 10_000);
    return () => clearInterval(timer);
  }, [alerted]);
  const suppress = async (alert: Alert) => {
    try {
      await api.suppress(alert.operation, 3600);
      say(`Alerts of ${alert.operation} are suppressed for an hour.`);
    } catch (error) {
      say_error('Not suppressed', error);
    }
    await load();
  };
  return (
    <>
      <section class="list" aria-labelledby="firing-title">
        <div class="list-head">
          <h1 id="firing-title">
            Firing {alerts && <span class="list-count">{alerts.firing.length}</span>}
          </h1>
        </div>
        {!alerts && <Empty>Loading …</Empty>}
        {alerts?.firing.length === 0 && <Empty>All is as it should be.</Empty>}
        <ul class="rows">
          {alerts?.firing.map((alert) => (
            <AlertRow key={alert.id} alert={alert}>
              {alert.suppressed ? (
                <span class="tag">suppressed</span>
              ) : (
                may_suppress && (
                  <button type="button" class="button" onClick={() => suppress(alert)}>
                    Suppress for 1 h
                  </button>
                )
              )}
            </AlertRow>
          ))}
        </ul>
      </section>
      {alerts && alerts.resolved.length > 0 && (
        <section class="list" aria-labelledby="resolved-title">
          <div class="list-head">
            <h2 id="resolved-title">
              Resolved <span class="list-count">{alerts.resolved.length}</span>
            </h2>
          </div>
          <ul class="rows rows-dense">
            {alerts.resolved.map((alert) => (
              <AlertRow key={`${alert.id} ${alert.since}`} alert={alert} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function AlertRow({ alert, children }: { alert: Alert; children?: preact.ComponentChildren }) {
  const firing = alert.resolved === null;
  return (
    <li class="row row-alert" data-alert={alert.id}>
      <span class={`state ${firing && !alert.suppressed ? 'is-bad' : firing ? 'is-quiet' : 'is-good'}`}>
        <Icon name={firing ? 'failed' : 'done'} />
        <span class="unseen">{firing ? 'Firing' : 'Resolved'}</span>
      </span>
      <span class="alert-text">
        <strong>{alert.operation}</strong> {NAMES[alert.metric] ?? alert.metric}
      </span>
      <span class="alert-value">
        {format_metric(alert.metric, alert.value)}{' '}
        <span class="quiet">
          limit {format_metric(alert.metric, alert.threshold)}
        </span>
      </span>
      <span class="row-when">
        {firing ? `since ${format_time(alert.since)}` : `${format_time(alert.since)} – ${format_time(alert.resolved)}`}
      </span>
      <div class="row-actions">{children}</div>
    </li>
  );
}
