// The whole page: what stands around the views, and which of them is shown.

import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon, Logo } from '../parts/icons.tsx';
import { app, may, say_error, sign_out, start, unsay } from '../state/app.ts';
import { use_store } from '../state/store.ts';
import { chosen_theme, use_theme, type Theme } from '../theme.ts';
import { AlertsView } from './alerts.tsx';
import { DropZone } from './drop_zone.tsx';
import { FaultsView } from './faults.tsx';
import { KeysView } from './keys.tsx';
import { ObjectsView } from './objects.tsx';
import { OperationsView } from './operations.tsx';
import { use_route, type Route, type View } from './route.ts';
import { SignIn } from './sign_in.tsx';
import { TopBar } from './top_bar.tsx';
import { TransfersView } from './transfers.tsx';

export function Page() {
  const phase = use_store(app, (state) => state.phase);
  if (phase === 'ready') return <Shell />;
  return (
    <div class="outside">
      <div class="outside-theme">
        <ThemeSwitch />
      </div>
      {phase === 'signed-out' && <SignIn />}
      {phase === 'unreachable' && <Unreachable />}
      {phase === 'starting' && <p class="quiet">Loading …</p>}
      <Messages />
    </div>
  );
}

function Unreachable() {
  return (
    <main class="card outside-card" role="alert">
      <h1>The service cannot be reached</h1>
      <p>It is being tried again every two seconds. Is <code>telpher serve</code> running?</p>
      <button type="button" class="button" onClick={() => void start()}>
        Try now
      </button>
    </main>
  );
}

const TITLES: Record<View, string> = {
  transfers: 'Transfers',
  objects: 'Objects',
  operations: 'Operations',
  alerts: 'Alerts',
  faults: 'Faults',
  keys: 'Keys',
};

function Shell() {
  const route = use_route();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${TITLES[route.view]} · Telpher`;
    // After a change of view the keyboard goes on in it, not in the navigation of the last.
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [route.view]);
  return (
    <DropZone route={route}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="header">
        <div class="header-line">
          <a class="brand" href="#/transfers">
            <Logo /> Telpher
          </a>
          <ConnectionState />
          <div class="header-end">
            <ThemeSwitch />
            <SessionMenu />
          </div>
        </div>
        <TopBar />
        <Navigation view={route.view} />
      </header>
      <main id="main" class="main" tabIndex={-1} ref={main}>
        <CurrentView route={route} />
      </main>
      <Messages />
    </DropZone>
  );
}

function CurrentView({ route }: { route: Route }) {
  switch (route.view) {
    case 'transfers':
      return <TransfersView />;
    case 'objects':
      return <ObjectsView route={route} />;
    case 'operations':
      return <OperationsView />;
    case 'alerts':
      return <AlertsView />;
    case 'faults':
      return <FaultsView />;
    case 'keys':
      return <KeysView />;
  }
}

function Navigation({ view }: { view: View }) {
  const session = use_store(app, (state) => state.session);
  const faults = use_store(app, (state) => state.settings?.faults ?? false);
  const firing = use_store(
    app,
    (state) => state.live.monitor?.alerts.firing.filter((alert) => !alert.suppressed).length ?? 0,
  );
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [view]);
  const views: View[] = ['transfers', 'objects', 'operations', 'alerts'];
  if (faults && may(session, 'operator')) views.push('faults');
  if (may(session, 'admin')) views.push('keys');
  return (
    <nav class="nav" aria-label="Views" ref={nav}>
      {views.map((name) => (
        <a key={name} href={`#/${name}`} {...(name === view ? { 'aria-current': 'page' } : {})}>
          {TITLES[name]}
          {name === 'alerts' && firing > 0 && (
            <span class="badge" aria-label={`${firing} firing`}>
              {firing}
            </span>
          )}
        </a>
      ))}
    </nav>
  );
}

function ConnectionState() {
  const connection = use_store(app, (state) => state.connection);
  const text = { live: 'Live', connecting: 'Connecting …', reconnecting: 'Reconnecting …' }[connection];
  return (
    <span class={`connection connection-${connection}`} role="status">
      {text}
    </span>
  );
}

function SessionMenu() {
  const session = use_store(app, (state) => state.session);
  if (!session) return null;
  return (
    <span class="session">
      <span class="session-name" title={`Telpher ${session.version}`}>
        <span class="session-who">{session.auth === 'open' ? 'Open access' : session.name}</span>
        <span class="tag">{session.role}</span>
      </span>
      {session.auth !== 'open' && (
        <button
          type="button"
          class="button button-quiet"
          onClick={() => sign_out().catch((error) => say_error('Not signed out', error))}
        >
          <Icon name="out" /> <span class="wide">Sign out</span>
          <span class="unseen narrow-only">Sign out</span>
        </button>
      )}
    </span>
  );
}

const NEXT: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const THEME_ICON = { system: 'auto', light: 'sun', dark: 'moon' } as const;

function ThemeSwitch() {
  const [theme, set_theme] = useState(chosen_theme);
  const label = `Colours: ${theme === 'system' ? 'as the system' : theme}. Change to ${NEXT[theme]}.`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => {
        use_theme(NEXT[theme]);
        set_theme(NEXT[theme]);
      }}
    >
      <Icon name={THEME_ICON[theme]} />
    </button>
  );
}

function Messages() {
  const messages = use_store(app, (state) => state.messages);
  return (
    <div class="messages" role="status" aria-live="polite">
      {messages.map((message) => (
        <div key={message.id} class={message.bad ? 'message message-bad' : 'message'}>
          <span>{message.text}</span>
          <button
            type="button"
            class="icon-button"
            aria-label="Dismiss this message"
            onClick={() => unsay(message.id)}
          >
            <Icon name="cancel" />
          </button>
        </div>
      ))}
    </div>
  );
}
