import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { type Cli, newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { ROOT } from '../helpers/doc-pages.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { runWorkflow, type WorkflowRun } from '../helpers/workflow.ts'

const GOOD = (version: string): string => `
const http = require('node:http')
http.createServer((request, response) => response.end(process.pid + ' 0 0 ${version}')).listen(process.env.PORT)
`
const BROKEN = `throw new Error('no database')`

interface Server {
  port: number
  current(): string
  migrations(): string[]
  /** Pushes a release: its workflow runs. */
  push(sha: string, script: string): Promise<WorkflowRun>
}

/** A server with a runner on it, on which `lbm` is installed. */
async function newServer({ home }: Cli): Promise<Server> {
  const folder = mkdtempSync(join(home.root, 'server-'))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'lbm'),
    `#!/bin/sh\nexec "${process.execPath}" "${ROOT}/bin/lbm.js" "$@"\n`,
  )
  chmodSync(join(bin, 'lbm'), 0o755)
  const appDir = join(folder, 'shop')
  mkdirSync(appDir)
  const port = await freePort()
  const trace = join(folder, 'migrations')
  return {
    port,
    current: () => readlinkSync(join(appDir, 'current')),
    migrations: () => readFileSync(trace, 'utf8').trim().split('\n'),
    async push(sha, script) {
      const checkout = mkdtempSync(join(folder, 'checkout-'))
      const env = {
        PATH: `${bin}:${process.env['PATH'] ?? ''}`,
        LBM_HOME: home.root,
        NO_COLOR: '1',
        APP_DIR: appDir,
        GITHUB_SHA: sha,
        PORT: String(port),
        TRACE: trace,
      }
      const run = await runWorkflow({
        file: join(ROOT, 'examples/ci/deploy.yml'),
        job: 'deploy',
        cwd: checkout,
        env,
        actions: { 'actions/checkout@v4': () => checkOut(checkout, script) },
      })
      rmSync(checkout, { recursive: true })
      return run
    },
  }
}

function checkOut(folder: string, script: string): void {
  const manifest = { name: 'shop', version: '1.0.0' }
  const lock = { ...manifest, lockfileVersion: 3, requires: true, packages: { '': manifest } }
  cpSync(join(ROOT, 'examples/ci/ecosystem.config.js'), join(folder, 'ecosystem.config.js'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  writeFileSync(join(folder, 'server.js'), script)
  const migrate = `require('node:fs').appendFileSync(process.env.TRACE, process.env.RELEASE + '\\n')`
  writeFileSync(join(folder, 'migrate.js'), migrate)
}

const body = async (port: number): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
  return (await response.text()).split(' ').at(-1) ?? ''
}

test(
  'examples/ci/deploy.yml: two releases, a broken one, another',
  { timeout: 120_000 },
  async () => {
    await using cli = newCli()
    const server = await newServer(cli)
    expect((await server.push('one', GOOD('one'))).failed).toBeUndefined()
    expect(await body(server.port)).toBe('one')

    const load = startLoad({ port: server.port, post: false })
    const second = await server.push('two', GOOD('two'))
    expect(second.failed).toBeUndefined()
    expect(second.output['Plan']).toMatch(/release .*releases\/one\/server\.js → .*releases\/two/)
    expect(await body(server.port)).toBe('two')

    const third = await server.push('three', BROKEN)
    expect((await load.stop()).failures).toEqual([])
    expect(third.failed).toBe('Apply')
    expect(third.output['Apply']).toMatch(
      /^::error file=.*ecosystem\.config\.js,title=lbm apply::The reload of shop was rolled back.*no database/m,
    )
    expect(third.output).not.toHaveProperty('Wait')
    expect(await body(server.port)).toBe('two')
    expect(server.current()).toBe('releases/two')

    expect((await server.push('four', GOOD('four'))).failed).toBeUndefined()
    expect(await body(server.port)).toBe('four')
    expect(server.migrations()).toEqual(['one', 'two', 'three', 'four'])
  },
)

describe('--ci', () => {
  test('folds the log, and says where a file is wrong', async () => {
    await using cli = newCli()
    const file = join(cli.home.root, 'ecosystem.config.js')
    writeFileSync(file, 'module.exports = {\n  apps: [,,\n')
    const broken = await cli.lbm('apply', 'ecosystem.config.js', '--ci', { cwd: cli.home.root })
    expect(broken.exitCode).toBe(2)
    expect(broken.stderr).toMatch(
      /^::error file=ecosystem\.config\.js,line=3,.*title=lbm apply::.*SyntaxError/m,
    )
    expect(broken.stdout).toBe('::group::lbm apply ecosystem.config.js --ci\n::endgroup::\n')
  })

  test('each app that failed is an annotation; unknown keys are warnings; --json is one document', async () => {
    await using cli = newCli({ cwd: FIXTURES })
    const file = join(cli.home.root, 'ecosystem.json')
    const apps = ['a', 'b'].map((name) => ({ name, script: 'throws.cjs', instaces: 2 }))
    writeFileSync(file, JSON.stringify({ apps }))
    for (const command of ['start', 'apply']) {
      const run = await cli.lbm(command, file, '--ci')
      expect(run.exitCode).toBe(1)
      expect(run.stderr.match(/^::error .*no database/gm)).toHaveLength(2)
      expect(run.stderr.match(/^::warning title=lbm::.*did you mean "instances"/gm)).toHaveLength(2)
      await cli.ok('delete', 'all')
    }
    const json = await cli.lbm('apply', file, '--ci', '--json')
    expect(() => JSON.parse(json.stdout) as unknown).not.toThrow()
    expect(json.stderr).toMatch(/^::error /m)
  })
})

describe('wait', () => {
  test(
    'ready → 0, failed → 1 and why, not in time → 3, not there → 1',
    { timeout: 60_000 },
    async () => {
      await using cli = newCli({ cwd: FIXTURES })
      await cli.ok(
        'start',
        'slow-boot.cjs',
        '--no-wait',
        '--wait-ready',
        '--listen-timeout',
        '20s',
        {
          env: { BOOT_MS: '3000', PORT: String(await freePort()) },
        },
      )
      expect((await cli.lbm('wait', 'slow-boot', '--ready', '--timeout', '300ms')).exitCode).toBe(3)
      await cli.lbm('start', 'throws.cjs', '--no-wait', '--no-autorestart')
      const failed = await cli.lbm('wait', 'throws')
      expect(failed).toMatchObject({ exitCode: 1 })
      expect(failed.stderr).toContain('no database')
      expect((await cli.lbm('wait', 'nosuch')).exitCode).toBe(1)
      await cli.ok('start', 'worker.cjs', '-i', '2', '--no-wait')
      const ready = await cli.ok('wait', 'worker', '--ready', '--timeout', '30')
      expect(ready.stdout).toContain('[worker] ✓ ready (2)')
      await cli.ok('start', 'job.cjs', '--type', 'job', '--no-wait', { env: { MS: '500' } })
      const done = await cli.ok('wait', 'job', '--completed', '--json')
      expect(JSON.parse(done.stdout)).toMatchObject({
        apps: [{ outcomes: [{ result: 'completed' }] }],
      })
    },
  )
})
