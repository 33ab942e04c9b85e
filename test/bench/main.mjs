// npm run bench [-- parts and options]: builds what is to be measured, then runs the bench.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { build, stop } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCES = ['src', 'daemon', 'package.json', 'scripts/build.mjs', 'scripts/bundles.mjs']

if (isStale(join(ROOT, 'dist/cli.cjs'))) {
  console.log('bench: building dist/')
  const { status } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(1)
}

// The bundle lies in a folder of test/ like the helpers, which find dist/ and the fixtures by their own place.
const bundle = join(import.meta.dirname, `.bundle-${process.pid}.mjs`)
let bench
try {
  await build({
    entryPoints: [join(import.meta.dirname, 'bench.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    packages: 'external',
    define: { __LBM_VERSION__: '"bench"' },
    logLevel: 'warning',
  })
  ;({ bench } = await import(pathToFileURL(bundle)))
} finally {
  rmSync(bundle, { force: true })
}
// Its own process would live beside what is measured.
await stop()
process.exitCode = await bench(process.argv.slice(2))

function isStale(built) {
  if (!existsSync(built)) return true
  const builtAt = statSync(built).mtimeMs
  return SOURCES.some((source) => newest(join(ROOT, source)) > builtAt)
}

function newest(path) {
  const { mtimeMs } = statSync(path)
  if (!statSync(path).isDirectory()) return mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))))
}
