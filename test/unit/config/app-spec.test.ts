import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as v from 'valibot'
import { afterAll, describe, expect, it, test } from 'vitest'

import { buildSpec } from '../../../src/config/app-spec.ts'
import { checkApp } from '../../../src/config/check-app.ts'
import { redefineSpec } from '../../../src/config/redefine-spec.ts'
import { specFromOptions } from '../../../src/config/spec-from-options.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { appSpec } from '../../../src/contract/record-schemas.ts'
import { codeOf } from './code-of.ts'

const folder = mkdtempSync(join(tmpdir(), 'lbm-spec-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'app.js'), '')
writeFileSync(join(folder, 'app.py'), '')
mkdirSync(join(folder, 'sub'))
writeFileSync(join(folder, 'sub/app.js'), '')
writeFileSync(join(folder, 'package.json'), '{"version":"1.2.3"}')

const env = { PATH: process.env['PATH'], HOME: '/home/x' }

function spec(keys: Record<string, unknown>, environmentName?: string): AppSpec {
  const { app, raw, problems } = checkApp({ script: 'app.js', ...keys }, (key) => key)
  expect(problems).toEqual([])
  return buildSpec(app, { cwd: folder, env, environmentName, raw, cpus: () => 8 }).spec
}

describe('defaults', () => {
  it('of an app of one line', () => {
    expect(spec({})).toMatchObject({
      name: 'app',
      namespace: 'default',
      version: '1.2.3',
      script: join(folder, 'app.js'),
      args: [],
      cwd: folder,
      mode: 'fork',
      instances: 1,
      instancesGiven: false,
      instanceVar: 'NODE_APP_INSTANCE',
      autostart: true,
      autorestart: true,
      restart: 'always',
      minUptimeMs: 1000,
      killTimeoutMs: 10_000,
      killSignal: 'SIGINT',
      listenTimeoutMs: 30_000,
      treekill: true,
      balance: { policy: 'least-connections', queueTimeoutMs: 30_000 },
      maxSurge: 1,
      drainIdleMs: 5000,
      watch: undefined,
      logs: { merge: false, type: 'raw', disabled: false, maxSizeBytes: 10_485_760, maxFiles: 10 },
      raw: { script: 'app.js' },
    })
  })

  it.each([{}, { instances: 2, watch: true, readiness: '/h', on_crash: 'x y', env: { A: 1 } }])(
    'the daemon takes %j',
    (keys) => {
      const made = spec(keys)
      expect(v.parse(appSpec, JSON.parse(JSON.stringify(made)))).toEqual(
        JSON.parse(JSON.stringify(made)),
      )
    },
  )
})

describe('mode and instances', () => {
  test.each([
    [{}, 'fork', 1, false],
    [{ instances: 1 }, 'cluster', 1, true],
    [{ instances: 3 }, 'cluster', 3, true],
    [{ instances: 'max' }, 'cluster', 8, false],
    [{ instances: 0 }, 'cluster', 8, false],
    [{ instances: -2 }, 'cluster', 6, true],
    [{ instances: 3, exec_mode: 'fork' }, 'fork', 3, true],
    [{ exec_mode: 'cluster_mode' }, 'cluster', 1, false],
    [
      { script: 'app.py', interpreter: process.execPath.replace('node', 'node'), instances: 2 },
      'cluster',
      2,
      true,
    ],
    [{ instances: 2, execute_command: true }, 'fork', 2, true],
  ])('%j → %s × %i', (keys, mode, instances, instancesGiven) => {
    expect(spec(keys)).toMatchObject({ mode, instances, instancesGiven })
  })

  it('several of a program that is not Node run in fork mode, each on its own', () => {
    expect(spec({ script: 'sleep', instances: 2 })).toMatchObject({
      mode: 'fork',
      instances: 2,
      runtime: 'other',
    })
  })

  it('a cluster of something else than Node runs in fork mode, with a warning', () => {
    const { app, raw } = checkApp(
      { script: 'sleep', exec_mode: 'cluster', instances: 2 },
      (key) => key,
    )
    const { spec: made, warnings } = buildSpec(app, { cwd: folder, env, raw })
    expect(made).toMatchObject({ mode: 'fork', instances: 2 })
    expect(warnings).toEqual([expect.stringContaining('a cluster is for Node programs')])
  })
})

describe('name', () => {
  test.each([
    [{}, 'app'],
    [{ script: 'sub/app.js' }, 'app'],
    [{ name: 'x' }, 'x'],
    [{ name_prefix: 'team' }, 'team:app'],
    [{ append_env_to_name: true }, 'app-production'],
    [{ script: 'echo hello world' }, 'echo hello world'],
  ])('%j → %s', (keys, name) => {
    expect(spec(keys, 'production').name).toBe(name)
  })
})

describe('paths', () => {
  it('are relative to cwd, which is relative to where the command was typed', () => {
    expect(
      spec({
        cwd: 'sub',
        out_file: 'o.log',
        error_file: '/e.log',
        pid_file: '~/p.pid',
        watch: ['src'],
      }),
    ).toMatchObject({
      cwd: join(folder, 'sub'),
      script: join(folder, 'sub/app.js'),
      pidFile: '/home/x/p.pid',
      logs: { outFile: join(folder, 'sub/o.log'), errorFile: '/e.log' },
      watch: { paths: [join(folder, 'sub/src')] },
    })
  })

  test.each(['NULL', '/dev/null'])('%s switches a log off', (off) => {
    expect(spec({ out_file: off }).logs.outFile).toBe('/dev/null')
  })

  test.each([
    [true, true],
    ['all.log', join(folder, 'all.log')],
    [false, undefined],
  ])('log_file %s', (given, combinedFile) => {
    expect(spec({ log_file: given }).logs.combinedFile).toBe(combinedFile)
  })
})

describe('watch', () => {
  it('true is everything below cwd; dot files, node_modules and own logs are left out', () => {
    expect(
      spec({ watch: true, out_file: 'o.log', watch_options: { usePolling: true }, ext: 'js' })
        .watch,
    ).toEqual({
      paths: [folder],
      ignore: ['node_modules', '.*', join(folder, 'o.log')],
      delayMs: 200,
      extensions: ['js'],
      usePolling: true,
    })
  })

  it('ignore_watch takes the place of the default', () => {
    expect(spec({ watch: true, ignore_watch: ['data'], watch_delay: 50 }).watch).toMatchObject({
      ignore: ['data'],
      delayMs: 50,
    })
  })

  it('false and nothing are no watch', () => {
    expect(spec({ watch: false }).watch).toBeUndefined()
  })
})

describe('other keys', () => {
  test.each([
    [{ time: true, log_date_format: 'YY' }, { logs: { dateFormat: 'YYYY-MM-DDTHH:mm:ss' } }],
    [{ log_type: 'json' }, { logs: { type: 'json' } }],
    [{ log_type: 'fancy' }, { logs: { type: 'raw' } }],
    [{ autorestart: false }, { autorestart: false, restart: 'never' }],
    [{ restart: 'on-failure' }, { autorestart: true, restart: 'on-failure' }],
    [{ restart: 'never' }, { autorestart: false, restart: 'never' }],
    [{ kill_timeout: 0 }, { killTimeoutMs: 10_000 }],
    [
      { cron_restart: '0 3 * * *', cron_timezone: 'Europe/Berlin' },
      { cronRestart: '0 3 * * *', cronTimezone: 'Europe/Berlin' },
    ],
    [
      { interpreter_args: '--max-old-space-size=100' },
      { interpreterArgs: ['--max-old-space-size=100'] },
    ],
    [{ args: '--port "80 81"' }, { args: ['--port', '80 81'] }],
    [{ increment_var: 'PORT' }, { incrementVar: 'PORT' }],
    [{ on_crash: 'https://x/' }, { hooks: { onCrash: { url: 'https://x/', timeoutMs: 30_000 } } }],
    [
      { liveness: { tcp: 80, period_seconds: 5 } },
      {
        liveness: {
          tcp: { port: 80 },
          periodMs: 5000,
          timeoutMs: 1000,
          failureThreshold: 3,
          successThreshold: 1,
        },
      },
    ],
    [
      { balance: { policy: 'sticky', sticky_cookie: 'io' } },
      { balance: { policy: 'sticky', stickyCookie: 'io' } },
    ],
  ])('%j', (keys, expected) => {
    expect(spec(keys)).toMatchObject(expected)
  })

  test.each([0, '0'])('cron_restart %j removes it', (cron) => {
    expect(spec({ cron_restart: cron })).not.toHaveProperty('cronRestart')
  })
})

describe('a command line', () => {
  it('is one argument of the shell; arguments of the app are quoted behind it', () => {
    expect(spec({ script: 'echo hello', args: ['--name', "it's $HOME", 'plain'] })).toMatchObject({
      command: 'echo hello',
      args: ['-c', `echo hello --name 'it'\\''s $HOME' plain`],
      runtime: 'other',
    })
  })
})

describe('raw', () => {
  it('never holds environments', () => {
    expect(spec({ env: { SECRET: 'x' }, env_production: { SECRET: 'y' }, name: 'n' }).raw).toEqual({
      script: 'app.js',
      name: 'n',
    })
  })
})

describe('options of the command line', () => {
  const fromOptions = (options: Record<string, unknown>, args: string[] = []): AppSpec =>
    specFromOptions(
      'app.js',
      args,
      { autorestart: true, autostart: true, treekill: true, ...options },
      { cwd: folder, env, cpus: () => 8 },
    ).spec

  test.each([
    [{ instances: 'max' }, { instances: 8, mode: 'cluster' }],
    [{ instances: '-1' }, { instances: 7 }],
    [
      { name: 'x', namespace: 'y' },
      { name: 'x', namespace: 'y' },
    ],
    [{ watch: false }, { watch: undefined }],
    [{ watch: [true] }, { watch: { paths: [folder] } }],
    [{ watch: ['sub', 'lib'] }, { watch: { paths: [join(folder, 'sub'), join(folder, 'lib')] } }],
    [{ watch: [true], watchDelay: '4' }, { watch: { delayMs: 4000 } }],
    [{ watch: [true], watchDelay: '4000ms' }, { watch: { delayMs: 4000 } }],
    [{ watch: [true], ignoreWatch: ['a b', 'c'] }, { watch: { ignore: ['a', 'b', 'c'] } }],
    [
      { autorestart: false, autostart: false, treekill: false },
      { autorestart: false, autostart: false, treekill: false },
    ],
    [{ stopExitCodes: ['0,3', '5'] }, { stopExitCodes: [0, 3, 5] }],
    [
      { output: 'o.log', error: 'e.log', log: true },
      {
        logs: {
          outFile: join(folder, 'o.log'),
          errorFile: join(folder, 'e.log'),
          combinedFile: true,
        },
      },
    ],
    [{ cron: '* * * * *' }, { cronRestart: '* * * * *' }],
    [{ cronRestart: '* * * * *' }, { cronRestart: '* * * * *' }],
    [{ nodeArgs: '--no-warnings' }, { interpreterArgs: ['--no-warnings'] }],
    [{ balance: 'ip-hash' }, { balance: { policy: 'ip-hash' } }],
    [{ stickyCookie: 'io' }, { balance: { policy: 'sticky', stickyCookie: 'io' } }],
    [{ readiness: '/up' }, { readiness: { http: { path: '/up', status: [] } } }],
    [{ time: true, mergeLogs: true }, { logs: { merge: true, dateFormat: 'YYYY-MM-DDTHH:mm:ss' } }],
    [
      { killTimeout: '3s', listenTimeout: '8000' },
      { killTimeoutMs: 3000, listenTimeoutMs: 8000 },
    ],
    [{ maxMemoryRestart: '1G' }, { maxMemoryBytes: 1_073_741_824 }],
    [
      { executeCommand: true, instances: '2' },
      { mode: 'fork', instances: 2 },
    ],
  ])('%j', (options, expected) => {
    expect(fromOptions(options)).toMatchObject(expected)
  })

  it('filter-env without a name keeps the whole shell from the app', () => {
    expect(fromOptions({ filterEnv: [true] }).env).toEqual({})
  })

  it('arguments behind -- go to the app as they are', () => {
    expect(fromOptions({}, ['--port', '80 81']).args).toEqual(['--port', '80 81'])
  })

  test.each([
    [{ instances: 'abc' }, '--instances: expected a whole number up to 1000, or "max", got "abc"'],
    [{ instances: '0.5' }, '--instances: expected'],
    [{ instances: '99999' }, '--instances: expected'],
    [{ maxMemoryRestart: '100Q' }, '--max-memory-restart: expected a size'],
    [{ nodeArgs: 5 }, '--interpreter-args: expected'],
    [{ killTimeout: 'x' }, '--kill-timeout: expected a duration'],
    [{ balance: 'fastest' }, '--balance: expected one of'],
  ])('%j is wrong usage', (options, message) => {
    expect(codeOf(() => fromOptions(options))).toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message) as string,
    })
  })
})

describe('redefineSpec', () => {
  it('changes what is named and keeps the rest, the environment included', () => {
    const before = spec({
      name: 'api',
      instances: 2,
      env: { A: '1' },
      kill_timeout: '3s',
      cwd: 'sub',
    })
    const after = redefineSpec(before, { instances: 4 })
    expect(after).toEqual({ ...before, instances: 4, raw: { ...after.raw } })
    expect(after.raw).toMatchObject({ instances: 4, kill_timeout: '3s' })
  })

  it('keeps a command line', () => {
    const before = spec({ script: 'echo hello' })
    expect(redefineSpec(before, { max_restarts: 3 })).toMatchObject({
      command: 'echo hello',
      args: ['-c', 'echo hello'],
      maxRestarts: 3,
    })
  })
})

describe('a job', () => {
  it('runs in fork mode, is not started again, may compute for as long as it takes', () => {
    expect(spec({ type: 'job', instances: 2, exec_mode: 'cluster' })).toMatchObject({
      job: { overlap: 'skip' },
      mode: 'fork',
      instances: 2,
      autorestart: false,
      restart: 'never',
      hangTimeoutMs: 0,
    })
    expect(spec({ type: 'job', overlap: 'queue', hang_timeout: '1s' })).toMatchObject({
      job: { overlap: 'queue' },
      hangTimeoutMs: 1000,
    })
    expect(spec({ type: 'service' })).not.toHaveProperty('job')
  })

  it('says which keys mean nothing to it, and leaves them out', () => {
    const { app, raw } = checkApp(
      { script: 'app.js', type: 'job', wait_ready: true, readiness: '/h', leader: true },
      (key) => key,
    )
    const built = buildSpec(app, { cwd: folder, env, raw })
    expect(built.warnings).toEqual([
      '"wait_ready" says nothing to a job',
      '"readiness" says nothing to a job',
      '"leader" says nothing to a job',
    ])
    expect(built.spec).toMatchObject({ waitReady: false, leader: false })
    expect(built.spec.readiness).toBeUndefined()
  })
})

it('leader: for Node programs alone', () => {
  expect(spec({ leader: true }).leader).toBe(true)
  expect(codeOf(() => spec({ script: 'app.py', leader: true }))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'leader: only a Node program can be told when it leads.',
  })
})

it.each([
  [{ script: 'app.js', spare: 1 }, /^spare: in fork mode/, /"exec_mode": "cluster"/],
  [{ script: 'app.js', spare: 1, exec_mode: 'fork', instances: 2 }, /^spare: in fork mode/, /-i/],
  [{ script: 'app.py', spare: 1 }, /^spare: only a Node program/, /leave "spare" out/],
  [{ script: 'app.js', type: 'job', spare: 1 }, /^spare: a job runs to its end/, /leave/],
] as const)('spare: %j is refused, and the way out is named', (given, message, hint) => {
  const error = codeOf(() => spec({ ...given }))
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(error.message).toMatch(message)
  expect(error.hint).toMatch(hint)
})

it('spare: for a cluster of Node programs, also of one', () => {
  expect(spec({ script: 'app.js', instances: 1, spare: 2 })).toMatchObject({ spare: 2 })
  expect(spec({ script: 'app.js', exec_mode: 'cluster', spare: 1 })).toMatchObject({ spare: 1 })
  expect(spec({ script: 'app.py', spare: 0 }).spare).toBe(0)
})
