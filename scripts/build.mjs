// Makes dist/ from the sources: esbuild bundles what runs, tsc writes the public types.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { bundleSplit, bundleWhole } from './bundles.mjs'
import { collectLicenses } from './licenses.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const SPLIT = { cli: 'src/cli/main.ts', index: 'src/client/index.ts' }
const WHOLE = {
  daemon: 'daemon/control/main.ts',
  supervisor: 'daemon/supervisor/main.ts',
  serve: 'daemon/serve/main.ts',
  agent: ['daemon/agent/preload.ts', 'daemon/agent/preload.cts'].find((path) => existsSync(path)),
}

/** For an ES module, the default of a CommonJS one is all that it exports. */
const WRAPPERS = {
  'index.mjs': `import index from './index.cjs'
export * from './index.cjs'
export default index.default
`,
  'index.d.mts': `import type { Lbm } from './types/src/client/index.js'
export * from './types/src/client/index.js'
declare const lbm: Lbm
export default lbm
`,
  // What is required is the thing itself, as PM2 has it.
  'pm2.cjs': `module.exports = require('./index.cjs').createPm2()
`,
  'pm2.d.cts': `import type * as lbm from './types/src/client/index.js'
declare const pm2: lbm.Pm2
declare namespace pm2 {
  type Pm2 = lbm.Pm2
  type Bus = lbm.Bus
  type ProcessDescriptor = lbm.ProcessDescriptor
  type StartedProcess = lbm.StartedProcess
  type StartOptions = lbm.AppDefinition
}
export = pm2
`,
}

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const define = { __LBM_VERSION__: JSON.stringify(version) }

// Built aside and swapped in, so that whoever runs lbm from this checkout never sees half a build.
const outdir = `dist-${process.pid}`
mkdirSync(outdir)
try {
  const inputs = []
  for (const [name, entryPoint] of Object.entries(written(SPLIT))) {
    inputs.push(...(await attempt(() => bundleSplit({ name, entryPoint, outdir, define }))))
  }
  for (const [name, entryPoint] of Object.entries(written(WHOLE))) {
    const outfile = join(outdir, `${name}.cjs`)
    const options = { entryPoint, outfile, define, sourcemap: name !== 'agent' }
    inputs.push(...(await attempt(() => bundleWhole(options))))
  }
  writeFileSync(join(outdir, 'THIRD_PARTY_LICENSES.md'), collectLicenses(inputs))
  // Not a second bundle: a program that uses both import and require gets one client.
  for (const [file, text] of Object.entries(WRAPPERS)) writeFileSync(join(outdir, file), text)
  if (existsSync(SPLIT.index)) writeTypes(join(outdir, 'types'))
  swapIn(outdir)
} finally {
  rmSync(outdir, { recursive: true, force: true })
}

/** What does not build fails the run; the rest is built all the same. esbuild has printed the errors. */
async function attempt(bundle) {
  try {
    return await bundle()
  } catch (error) {
    if (!error.errors) throw error
    process.exitCode = 1
    return []
  }
}

function written(entries) {
  return Object.fromEntries(
    Object.entries(entries).filter(([name, path]) => {
      if (path && existsSync(path)) return true
      console.warn(`build: no source for ${name} yet, skipped`)
      if (process.env['CI']) process.exitCode = 1
      return false
    }),
  )
}

/** A type error fails the build, but not before dist/ is there to run. */
function writeTypes(outDir) {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json', '--outDir', outDir]
  const { status } = spawnSync(process.execPath, tsc, { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

function swapIn(built) {
  const previous = `${built}-previous`
  if (existsSync('dist')) renameSync('dist', previous)
  renameSync(built, 'dist')
  rmSync(previous, { recursive: true, force: true })
}
