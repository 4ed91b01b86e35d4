// Builds the client: two files for browsers, which hold phoenix, and a package for Node and bundlers, which asks for it.
//
//   node build.mjs            writes dist/ here and the browser files where the server serves them
//   node build.mjs FOLDER     writes both below FOLDER instead

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const [elsewhere] = process.argv.slice(2);
const served = elsewhere ? join(elsewhere, 'js') : join(here, '../../src/hubbub/web/static/js');
const dist = elsewhere ? join(elsewhere, 'dist') : join(here, 'dist');

const require = createRequire(import.meta.url);
const phoenix = dirname(require.resolve('phoenix'));
const packaged = JSON.parse(readFileSync(join(phoenix, '../../package.json'), 'utf8'));
const licence = readFileSync(join(phoenix, '../../LICENSE.md'), 'utf8').trim();
const notice = `/*! Hubbub's JavaScript client. MIT licence.

It holds phoenix ${packaged.version}:

${licence}
*/`;

const common = { absWorkingDir: here, bundle: true, charset: 'utf8', logLevel: 'warning' };
const browsers = { ...common, minify: true, target: 'es2020', banner: { js: notice } };
const packages = { ...common, external: ['phoenix'], platform: 'neutral', target: 'es2022' };

await Promise.all([
  build({ ...browsers, entryPoints: ['src/browser.ts'], format: 'iife', outfile: join(served, 'pusher.js') }),
  build({ ...browsers, entryPoints: ['src/module.ts'], format: 'esm', outfile: join(served, 'pusher.mjs') }),
  build({ ...packages, entryPoints: ['src/pusher_lite.ts'], format: 'esm', outfile: join(dist, 'pusher_lite.js') }),
  build({ ...packages, entryPoints: ['src/pusher_lite.ts'], format: 'cjs', outfile: join(dist, 'pusher_lite.cjs') }),
]);

// One declaration for each of the two module systems: TypeScript tells them apart by the file's name.
const declared = mkdtempSync(join(tmpdir(), 'pusher-lite-'));
try {
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
  const options = ['--emitDeclarationOnly', '--stripInternal', '--outDir', declared];
  execFileSync(process.execPath, [tsc, '-p', here, ...options], { stdio: 'inherit' });
  mkdirSync(dist, { recursive: true });
  for (const name of ['pusher_lite', 'channel']) {
    copyFileSync(join(declared, `${name}.d.ts`), join(dist, `${name}.d.ts`));
    const text = readFileSync(join(declared, `${name}.d.ts`), 'utf8');
    writeFileSync(join(dist, `${name}.d.cts`), text.replace(/"\.\/(\w+)\.js"/g, '"./$1.cjs"'));
  }
} finally {
  rmSync(declared, { recursive: true });
}
