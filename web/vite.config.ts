import { defineConfig } from 'vite';

// Everything the page loads is its own file: the service's Content-Security-Policy allows neither
// inline scripts or styles nor data: addresses.
export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run imitate` beside it; or a real service: TELPHER_URL=http://127.0.0.1:8080 npm run dev
    proxy: Object.fromEntries(
      ['session', 'keys', 'transfers', 'events', 'upload', 'tus', 'settings', 'buckets', 'objects',
        'monitor', 'faults', 'version'].map((route) => [
        `/${route}`,
        { target: process.env['TELPHER_URL'] ?? 'http://127.0.0.1:8089', changeOrigin: true },
      ]),
    ),
  },
});
