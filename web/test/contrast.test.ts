// WCAG AA: text against what it stands on, in both themes; 3 : 1 for borders of controls.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../../../src/style/tokens.css', import.meta.url), 'utf8');
const colours = new Map<string, [string, string]>();
for (const [, name, light, dark] of css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)) {
  colours.set(name!, [light!, dark!]);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}

const TEXTS: [string[], string[]][] = [
  [['text', 'text-quiet', 'accent', 'good', 'bad', 'warn'], ['ground', 'surface', 'raised']],
  [['text', 'text-quiet'], ['sunken', 'accent-ground', 'bad-ground']],
  [['bad'], ['bad-ground']],
  [['on-fill'], ['accent-fill', 'accent-fill-over', 'bad-fill']],
];

for (const [theme, index] of [['light', 0], ['dark', 1]] as const) {
  test(`texts can be read, ${theme}`, () => {
    for (const [texts, grounds] of TEXTS) {
      for (const text of texts) {
        for (const ground of grounds) {
          const ratio = contrast(colours.get(text)![index], colours.get(ground)![index]);
          assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio.toFixed(2)}`);
        }
      }
    }
  });
  test(`controls and drawings can be seen, ${theme}`, () => {
    for (const [line, ground] of [['line-strong', 'surface'], ['accent-bar', 'sunken'], ['accent', 'surface'], ['accent', 'ground'], ['line-strong', 'ground']]) {
      const ratio = contrast(colours.get(line!)![index], colours.get(ground!)![index]);
      assert.ok(ratio >= 3, `${line} on ${ground}: ${ratio.toFixed(2)}`);
    }
  });
}
