// Makes dist/ from the sources: esbuild bundles what runs, tsc writes the public types.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

import { collectLicenses } from './licenses.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

const CLIENT = ['src/client/index.ts']
const bundles = [
  // Minified and without a map: its size is start-up time of every command.
  { to: 'dist/cli.cjs', from: ['src/cli/main.ts'], minify: true },
  { to: 'dist/daemon.cjs', from: ['daemon/control/main.ts'], sourcemap: true },
  { to: 'dist/supervisor.cjs', from: ['daemon/supervisor/main.ts'], sourcemap: true },
  { to: 'dist/agent.cjs', from: ['daemon/agent/preload.cts', 'daemon/agent/preload.ts'] },
  { to: 'dist/index.cjs', from: CLIENT, sourcemap: true },
  { to: 'dist/index.mjs', from: CLIENT, sourcemap: true, format: 'esm' },
]

rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')
const inputs = new Set()
for (const { to, from, format = 'cjs', ...options } of bundles) {
  const entry = from.find((path) => existsSync(path))
  if (!entry) {
    console.warn(`build: ${to} skipped, no ${from.join(' or ')} yet`)
    continue
  }
  const { metafile } = await build({
    entryPoints: [entry],
    outfile: to,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format,
    define: { __LBM_VERSION__: JSON.stringify(version) },
    metafile: true,
    logLevel: 'warning',
    ...options,
  })
  for (const input of Object.keys(metafile.inputs)) inputs.add(input)
}
writeFileSync('dist/THIRD_PARTY_LICENSES.md', collectLicenses(inputs))
if (existsSync(CLIENT[0])) {
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'], { stdio: 'inherit' })
}
