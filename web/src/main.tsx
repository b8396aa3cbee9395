import { render } from 'preact';
import { Page } from './views/page.tsx';
import { start } from './state/app.ts';
import { uploads } from './state/uploads.ts';
import { chosen_theme, use_theme } from './theme.ts';

use_theme(chosen_theme());
render(<Page />, document.getElementById('page')!);
void start();

// What is dropped beside the box must not replace the page.
for (const name of ['dragover', 'drop'] as const) {
  addEventListener(name, (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
}
addEventListener('beforeunload', (event) => {
  if (uploads.unfinished()) event.preventDefault();
});
