// Makes dist/ from the sources: esbuild bundles what runs, tsc writes the public types.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { bundleSplit, bundleWhole } from './bundles.mjs'
import { collectLicenses } from './licenses.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const define = { __LBM_VERSION__: JSON.stringify(version) }

const split = { cli: 'src/cli/main.ts', index: 'src/client/index.ts' }
const whole = [
  { to: 'daemon.cjs', from: 'daemon/control/main.ts', sourcemap: true },
  { to: 'supervisor.cjs', from: 'daemon/supervisor/main.ts', sourcemap: true },
  { to: 'agent.cjs', from: existsSync('daemon/agent/preload.ts') ? 'daemon/agent/preload.ts' : 'daemon/agent/preload.cts' },
]

function isWritten(entry) {
  if (existsSync(entry)) return true
  console.warn(`build: no ${entry} yet, skipped`)
  return false
}

const outdir = mkdtempSync('dist-')
try {
  const inputs = []
  const entryPoints = Object.fromEntries(Object.entries(split).filter(([, from]) => isWritten(from)))
  if (Object.keys(entryPoints).length > 0) inputs.push(...(await bundleSplit({ entryPoints, outdir, define })))
  for (const { to, from, sourcemap } of whole.filter(({ from }) => isWritten(from))) {
    inputs.push(...(await bundleWhole({ entryPoint: from, outfile: join(outdir, to), define, sourcemap })))
  }
  writeFileSync(join(outdir, 'THIRD_PARTY_LICENSES.md'), collectLicenses(inputs))
  if (entryPoints.index) {
    // A wrapper, not a second bundle: a program that uses both import and require gets one client.
    writeFileSync(join(outdir, 'index.mjs'), "export * from './index.cjs'\n")
    writeTypes(join(outdir, 'types'))
  }
  swapIn(outdir)
} finally {
  rmSync(outdir, { recursive: true, force: true })
}

/** A type error fails the build, but not before dist/ is there to run. */
function writeTypes(outDir) {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json', '--outDir', outDir]
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

/** Built aside and swapped in, so that whoever runs lbm from this checkout never sees half a build. */
function swapIn(built) {
  const previous = `${built}-previous`
  if (existsSync('dist')) renameSync('dist', previous)
  renameSync(built, 'dist')
  rmSync(previous, { recursive: true, force: true })
}
