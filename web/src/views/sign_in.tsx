import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client.ts';
import { Logo } from '../parts/icons.tsx';
import { sign_in } from '../state/app.ts';

export function SignIn() {
  const [wrong, set_wrong] = useState<string | null>(null);
  const [busy, set_busy] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const key = input.current?.value.trim() ?? '';
    if (!key) {
      set_wrong('Type or paste a key first.');
      return input.current?.focus();
    }
    set_busy(true);
    try {
      await sign_in(key);
    } catch (error) {
      set_busy(false);
      const refused = error instanceof ApiError && error.status === 401;
      set_wrong(
        refused ? 'This key is not known, or it has expired or been revoked.' : (error as Error).message,
      );
      input.current?.select();
    }
  };
  return (
    <main class="card outside-card">
      <h1 class="sign-in-title">
        <Logo /> Telpher
      </h1>
      <form onSubmit={submit} noValidate>
        <label for="key">Access key</label>
        <input
          id="key"
          ref={input}
          class="input input-code"
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          placeholder="tk_…"
          aria-invalid={wrong !== null}
          aria-describedby={wrong ? 'key-wrong key-hint' : 'key-hint'}
        />
        {wrong && (
          <p id="key-wrong" class="wrong" role="alert">
            {wrong}
          </p>
        )}
        <button type="submit" class="button button-primary button-wide" disabled={busy}>
          Sign in
        </button>
        <p id="key-hint" class="quiet">
          The first start of the service prints an admin key. More are made with{' '}
          <code>telpher keys add</code>.
        </p>
      </form>
    </main>
  );
}
