// Fails when dist/, which is embedded into the binary, is not what src/ gives.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = new URL('./', import.meta.url).pathname;

function files_of(folder) {
  const files = new Map();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile()) files.set(path.slice(folder.length + 1), readFileSync(path));
  }
  return files;
}

const fresh = mkdtempSync(join(tmpdir(), 'telpher-page-'));
try {
  const vite = join(here, 'node_modules', 'vite', 'bin', 'vite.js');
  execFileSync(process.execPath, [vite, 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], {
    cwd: here,
    stdio: 'inherit',
  });
  const built = files_of(fresh);
  const kept = files_of(join(here, 'dist'));
  const differ = [...new Set([...built.keys(), ...kept.keys()])].filter(
    (name) => !built.has(name) || !kept.has(name) || !built.get(name).equals(kept.get(name)),
  );
  if (differ.length > 0) {
    console.error(`web/dist is not what web/src gives: npm run build, and commit it.\n  ${differ.sort().join('\n  ')}`);
    process.exitCode = 1;
  } else console.log(`dist/ is what src/ gives: ${built.size} files`);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
