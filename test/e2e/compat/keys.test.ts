/** Each key of PM2's ecosystem file does here what it does there: one home, one file, an app a key. */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'

import { transformSync } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { pidStart } from '../../../daemon/kernel/process-identity.ts'
import { type Cli, type ListedInstance, newCli } from '../../helpers/cli.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { RUN_FOLDER } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'

/** PM2 7.0.4's keys, with the aliases that are words of their own. */
const KEYS = [
  ...['script', 'exec', 'cmd', 'command', 'name', 'namespace', 'cwd', 'args'],
  ...['interpreter', 'exec_interpreter', 'node_args', 'interpreter_args', 'exec_mode', 'instances'],
  ...['env', 'env_<name>', 'filter_env', 'append_env_to_name', 'port', 'increment_var'],
  ...['instance_var', 'max_memory_restart', 'cron_restart', 'cron', 'watch', 'ignore_watch'],
  ...['watch_options', 'watch_delay', 'autorestart', 'autostart', 'stop_exit_codes'],
  ...['restart_delay', 'exp_backoff_restart_delay', 'min_uptime', 'max_restarts', 'kill_timeout'],
  ...['kill_retry_time', 'kill_signal', 'shutdown_with_message', 'treekill', 'wait_ready'],
  ...['listen_timeout', 'out_file', 'out', 'output', 'out_log', 'error_file', 'error', 'err'],
  ...['err_file', 'err_log', 'log_file', 'log', 'pid_file', 'pid', 'merge_logs', 'combine_logs'],
  ...['log_date_format', 'time', 'log_type', 'disable_logs', 'source_map_support'],
  ...['disable_source_map_support', 'uid', 'user', 'gid', 'force', 'vizion', 'pmx', 'automation'],
  ...['trace', 'v8', 'event_loop_inspector', 'deep_monitoring', 'io', 'post_update'],
  ...['install_url', 'windowsHide', 'name_prefix', 'username', 'write', 'execute_command'],
]

/** Apps of the first file: each is called as the key it is there for, unless that is what it is there for. */
const APPS: Record<string, Record<string, unknown>> = {
  script: {},
  ...Object.fromEntries(
    ['exec', 'cmd', 'command'].map((key) => [key, { script: undefined, [key]: 'facts.cjs' }]),
  ),
  namespace: { namespace: 'blue' },
  cwd: { cwd: 'sub', script: '../facts.cjs' },
  args: { args: `one "two three" 'four'` },
  interpreter: { script: 'family.txt', interpreter: 'sh' },
  exec_interpreter: { script: 'family.txt', exec_interpreter: 'sh' },
  node_args: { node_args: '--max-old-space-size=77' },
  interpreter_args: { interpreterArgs: ['--max-old-space-size=78'] },
  exec_mode: { exec_mode: 'cluster' },
  instances: { instances: '2' },
  env: { env: { NUMBER: 5, OBJECT: { a: 1 }, FLAG: true } },
  env_: { env: { A: 'below', B: 'kept' }, env_production: { A: 'above' } },
  filter_env: { filter_env: ['SECRET'] },
  append_env_to_name: { append_env_to_name: true },
  port: { port: 4567 },
  increment_var: { instances: 2, increment_var: 'NUMBER', env: { NUMBER: 10 } },
  instance_var: { instances: 2, instance_var: 'MY_NUMBER' },
  max_memory_restart: { max_memory_restart: '90M', env: { MEGABYTES: 100 } },
  cron_restart: { cron_restart: '* * * * * *' },
  cron: { cron: '* * * * * *' },
  watch: { watch: ['watched/a'], watch_delay: 0 },
  ignore_watch: { watch: ['watched'], ignore_watch: 'watched/a', watch_delay: 0 },
  watch_options: { watch: ['watched/a'], watch_options: { usePolling: true }, watch_delay: 0 },
  watch_delay: { watch: ['watched/c'], watch_delay: 1500 },
  autorestart: { autorestart: false },
  autostart: { autostart: false },
  stop_exit_codes: { stop_exit_codes: [7], env: { CODE: 7 } },
  restart_delay: { restart_delay: 60_000 },
  exp_backoff_restart_delay: { exp_backoff_restart_delay: 60_000 },
  min_uptime: { min_uptime: '1h', max_restarts: 1 },
  max_restarts: { max_restarts: 2, min_uptime: '1h' },
  kill_timeout: { script: 'stubborn.cjs', kill_timeout: '200' },
  kill_retry_time: { kill_retry_time: 500 },
  kill_signal: { kill_signal: 'SIGUSR2', env: { CODE: 9 } },
  shutdown_with_message: { shutdown_with_message: true },
  treekill: { script: 'stubborn.cjs', treekill: false, kill_timeout: 200 },
  ...Object.fromEntries(
    ['out_file', 'out', 'output', 'out_log', 'error_file', 'error', 'err', 'err_file', 'err_log']
      .concat('log_file', 'log')
      .map((key) => [key, { [key]: `own/${key}.log` }]),
  ),
  pid_file: { pid_file: 'own/pid_file.pid' },
  pid: { pid: 'own/pid.pid' },
  merge_logs: { instances: 2, merge_logs: true },
  combine_logs: { instances: 2, combine_logs: true },
  log_date_format: { log_date_format: '[at] YYYY' },
  time: { time: true },
  log_type: { log_type: 'json' },
  disable_logs: { disable_logs: true },
  source_map_support: { script: 'mapped.cjs', source_map_support: true },
  disable_source_map_support: {
    script: 'mapped.cjs',
    source_map_support: true,
    disable_source_map_support: true,
  },
  force: { force: true },
  vizion: { vizion: false },
  pmx: { pmx: false },
  automation: { automation: false },
  trace: { trace: true },
  v8: { v8: true },
  event_loop_inspector: { event_loop_inspector: true },
  deep_monitoring: { deep_monitoring: true },
  io: { io: { apm: { enabled: false } } },
  post_update: { post_update: ['npm install'] },
  install_url: { install_url: 'https://example.com/' },
  windowsHide: { windowsHide: false },
  name_prefix: { name_prefix: 'before' },
  username: { username: 'somebody' },
  write: { write: true },
  execute_command: { instances: 2, execute_command: true },
}
const AS_ROOT = { uid: { uid: 'nobody' }, user: { user: 'nobody' }, gid: { gid: 12 } }
const isRoot = process.getuid?.() === 0

interface Facts {
  argv: string[]
  execArgv: string[]
  cwd: string
  isWorker: boolean
  uid: number
  gid: number
  env: Record<string, string>
}

const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'keys-'))
const apps: typeof APPS = { ...APPS, ...(isRoot ? AS_ROOT : {}) }
const file = join(folder, 'ecosystem.config.cjs')
const shell = { PLAIN: 'p', MY_SECRET: 's' }
let cli: Cli
let first: ListedInstance[]

function write(name: string, definitions: unknown): void {
  writeFileSync(join(folder, name), `module.exports = ${JSON.stringify({ apps: definitions })}`)
}

beforeAll(async () => {
  cpSync(FIXTURES, folder, { recursive: true })
  for (const name of ['sub', 'own', 'watched/a', 'watched/b', 'watched/c'])
    mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, 'family.txt'), 'echo run by a shell; exec sleep 600\n')
  const source = `interface Unused { a: 1 }\n\n\nconsole.log(new Error('here').stack)\nsetInterval(() => {}, 1000)`
  const { code } = transformSync(source, {
    loader: 'ts',
    sourcemap: 'inline',
    sourcefile: 'origin.ts',
  })
  writeFileSync(join(folder, 'mapped.cjs'), code)
  for (const path of [folder, process.env[RUN_FOLDER] ?? folder]) chmodSync(path, 0o755)
  cli = newCli({ cwd: folder, env: shell })
  const all = Object.entries(apps).map(([name, keys]) => ({ name, script: 'facts.cjs', ...keys }))
  write('ecosystem.config.cjs', [...all, { script: 'name.cjs' }])
  cpSync(join(folder, 'facts.cjs'), join(folder, 'name.cjs'))
  await cli.ok('start', file, '--env', 'production')
  first = await cli.jlist()
})

afterAll(async () => {
  await killChild()
  await cli[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const named = (list: ListedInstance[], name: string): ListedInstance[] =>
  list.filter((one) => one.name === name)

/** As it was just after the start. */
function startedAs(name: string): ListedInstance {
  const [one] = named(first, name)
  if (one === undefined) throw new Error(`${name} is not there`)
  return one
}

async function now(name: string): Promise<ListedInstance> {
  const [one] = named(await cli.jlist(), name)
  if (one === undefined) throw new Error(`${name} is not there`)
  return one
}

const outOf = (one: ListedInstance): Promise<string> =>
  textOf(String(one.pm2_env['pm_out_log_path']))

function textOf(path: string, part = /./): Promise<string> {
  return until(() => {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    return part.test(text) ? text : undefined
  }, 5000)
}

async function factsOf(one: ListedInstance): Promise<Facts> {
  const text = await textOf(String(one.pm2_env['pm_out_log_path']), /^\{.*\}$/m)
  return JSON.parse(/^\{.*\}$/m.exec(text)?.[0] ?? '') as Facts
}

const facts = (name: string): Promise<Facts> => factsOf(startedAs(name))

/** The status it comes to after a death with exit code CODE. */
async function afterDeath(name: string, status: string): Promise<ListedInstance> {
  await cli.ok('sendSignal', 'SIGUSR2', name, '--json')
  return await until(async () => {
    const one = await now(name)
    return one.pm2_env.status === status ? one : undefined
  })
}

async function stopTook(name: string): Promise<number> {
  const began = performance.now()
  await cli.ok('stop', name, '--json')
  return performance.now() - began
}

/** What `treekill: false` leaves behind. @returns whether it was alive */
async function killChild(): Promise<boolean> {
  const path = join(cli.home.logsDir, 'treekill-out.log')
  const child = Number(/child (\d+)/.exec(await textOf(path))?.[1])
  if (pidStart(child) === 0) return false
  process.kill(child, 'SIGKILL')
  return true
}

const restarted = (name: string): Promise<ListedInstance> =>
  until(async () => {
    const one = await now(name)
    return one.pm2_env.restart_time > 0 && one.pm2_env.status === 'online' ? one : undefined
  })

type Check = () => Promise<void> | void

const runs =
  (key: string): Check =>
  () =>
    expect(startedAs(key)).toMatchObject({ pm2_env: { status: 'online' } })

const writes =
  (key: string, text: RegExp): Check =>
  async () => {
    expect(await textOf(join(folder, `own/${key}.log`), text)).toMatch(text)
  }

/** What changes nothing is told back as it was given. */
const toldBack =
  (key: string): Check =>
  () =>
    expect(startedAs(key).pm2_env[key]).toEqual(apps[key]?.[key])

const writesPid =
  (key: string): Check =>
  () => {
    const { pid, pm_id } = startedAs(key)
    expect(readFileSync(join(folder, `own/${key}-${pm_id}.pid`), 'utf8').trim()).toBe(`${pid}`)
  }

const merges =
  (key: string): Check =>
  async () => {
    const path = String(startedAs(key).pm2_env['pm_out_log_path'])
    expect((await textOf(path, /\}\n\{/)).match(/^\{"argv"/gm)).toHaveLength(2)
  }

const runsAsNobody =
  (key: string): Check =>
  async () => {
    const id = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }))
    expect((await facts(key)).uid).toBe(id)
  }

const seconds = (time: unknown): number => Number(time) / 1000

/** Saves a file until the watcher, which may not be up yet, sees it. */
async function changeWatched(): Promise<void> {
  const path = join(folder, 'watched/a/file.js')
  await until(async () => {
    writeFileSync(path, String(Math.random()))
    return (await now('watch')).pm2_env.restart_time > 0 || undefined
  })
}

const BEHAVIOURS: Record<string, Check> = {
  script: async () => expect((await facts('script')).argv).toEqual([join(folder, 'facts.cjs')]),
  exec: runs('exec'),
  cmd: runs('cmd'),
  command: runs('command'),
  name: runs('name'),
  namespace: async () => {
    expect(startedAs('namespace').pm2_env['namespace']).toBe('blue')
    await cli.ok('stop', 'blue', '--json')
    expect((await now('namespace')).pm2_env.status).toBe('stopped')
  },
  cwd: async () => expect((await facts('cwd')).cwd).toBe(join(folder, 'sub')),
  args: async () =>
    expect((await facts('args')).argv.slice(1)).toEqual(['one', 'two three', 'four']),
  interpreter: async () => expect(await outOf(startedAs('interpreter'))).toBe('run by a shell\n'),
  exec_interpreter: async () => {
    expect(startedAs('exec_interpreter').pm2_env['exec_interpreter']).toBe('sh')
    expect(await outOf(startedAs('exec_interpreter'))).toBe('run by a shell\n')
  },
  node_args: async () =>
    expect((await facts('node_args')).execArgv).toContain('--max-old-space-size=77'),
  interpreter_args: async () =>
    expect((await facts('interpreter_args')).execArgv).toContain('--max-old-space-size=78'),
  exec_mode: async () => {
    expect(startedAs('exec_mode').pm2_env.exec_mode).toBe('cluster_mode')
    expect((await facts('exec_mode')).isWorker).toBe(true)
  },
  instances: () =>
    expect(named(first, 'instances').map(({ pm2_env }) => pm2_env.exec_mode)).toEqual([
      'cluster_mode',
      'cluster_mode',
    ]),
  env: async () =>
    expect((await facts('env')).env).toMatchObject({
      NUMBER: '5',
      OBJECT: '{"a":1}',
      FLAG: 'true',
      MY_SECRET: 's',
    }),
  'env_<name>': async () =>
    expect((await facts('env_')).env).toMatchObject({ A: 'above', B: 'kept' }),
  filter_env: async () => {
    const { env } = await facts('filter_env')
    expect(env).toMatchObject({ PLAIN: 'p' })
    expect(env).not.toHaveProperty('MY_SECRET')
  },
  append_env_to_name: () => runs('append_env_to_name-production')(),
  port: async () => expect((await facts('port')).env['PORT']).toBe('4567'),
  increment_var: async () => {
    const all = await Promise.all(named(first, 'increment_var').map(factsOf))
    expect(all.map(({ env }) => env['NUMBER'])).toEqual(['10', '11'])
  },
  instance_var: async () => {
    const all = await Promise.all(named(first, 'instance_var').map(factsOf))
    expect(all.map(({ env }) => env['MY_NUMBER'])).toEqual(['0', '1'])
    expect(startedAs('instance_var').pm2_env['MY_NUMBER']).toBe(0)
  },
  max_memory_restart: async () => {
    expect(startedAs('max_memory_restart').pm2_env['max_memory_restart']).toBe(94_371_840)
    await restarted('max_memory_restart')
  },
  cron_restart: async () => void (await restarted('cron_restart')),
  cron: async () => void (await restarted('cron')),
  watch: changeWatched,
  ignore_watch: async () => {
    expect((await now('ignore_watch')).pm2_env.restart_time).toBe(0)
    writeFileSync(join(folder, 'watched/b/file.js'), 'x')
    await restarted('ignore_watch')
  },
  watch_options: async () => {
    writeFileSync(join(folder, 'watched/a/polled.js'), 'x')
    await restarted('watch_options')
  },
  watch_delay: async () => {
    let savedAtMs = 0
    const { pm2_env } = await until(async () => {
      // Again only where the watcher cannot have been up.
      if (Date.now() - savedAtMs > 5000) {
        savedAtMs = Date.now()
        writeFileSync(join(folder, 'watched/c/file.js'), String(savedAtMs))
      }
      const one = await now('watch_delay')
      return one.pm2_env.restart_time > 0 && one.pm2_env.status === 'online' ? one : undefined
    })
    expect(seconds(pm2_env['pm_uptime']) - seconds(savedAtMs)).toBeGreaterThan(1)
  },
  autorestart: async () => expect((await afterDeath('autorestart', 'stopped')).pid).toBe(0),
  autostart: () =>
    expect(startedAs('autostart')).toMatchObject({ pid: 0, pm2_env: { status: 'stopped' } }),
  stop_exit_codes: async () =>
    expect(await afterDeath('stop_exit_codes', 'stopped')).toMatchObject({
      pid: 0,
      pm2_env: { exit_code: 7 },
    }),
  restart_delay: async () => void (await afterDeath('restart_delay', 'waiting restart')),
  exp_backoff_restart_delay: async () =>
    void (await afterDeath('exp_backoff_restart_delay', 'waiting restart')),
  min_uptime: async () => void (await afterDeath('min_uptime', 'errored')),
  max_restarts: async () => {
    await cli.ok('sendSignal', 'SIGUSR2', 'max_restarts', '--json')
    await restarted('max_restarts')
    await afterDeath('max_restarts', 'errored')
  },
  kill_timeout: async () => expect(await stopTook('kill_timeout')).toBeLessThan(3000),
  kill_retry_time: toldBack('kill_retry_time'),
  kill_signal: async () => {
    await cli.ok('stop', 'kill_signal', '--json')
    expect((await now('kill_signal')).pm2_env['exit_code']).toBe(9)
  },
  shutdown_with_message: async () => {
    await cli.ok('stop', 'shutdown_with_message', '--json')
    expect(await outOf(startedAs('shutdown_with_message'))).toContain('message "shutdown"')
  },
  treekill: async () => {
    await cli.ok('stop', 'treekill', '--json')
    expect(await killChild()).toBe(true)
  },
  wait_ready: async () => {
    write('ready.config.cjs', [
      { script: 'facts.cjs', name: 'late', wait_ready: true, env: { READY_AFTER_MS: 1500 } },
    ])
    const began = performance.now()
    await cli.ok('start', join(folder, 'ready.config.cjs'), '--json')
    expect(performance.now() - began).toBeGreaterThan(1500)
  },
  listen_timeout: async () => {
    write('never.config.cjs', [
      { script: 'facts.cjs', name: 'never', wait_ready: true, listen_timeout: 300 },
    ])
    const failed = await cli.lbm('start', join(folder, 'never.config.cjs'), '--json')
    expect(failed.exitCode).toBe(1)
    expect(failed.stderr).toMatch(/300 ms/)
  },
  ...Object.fromEntries(
    ['out_file', 'out', 'output', 'out_log'].map((key) => [key, writes(key, /"argv"/)]),
  ),
  ...Object.fromEntries(
    ['error_file', 'error', 'err', 'err_file', 'err_log'].map((key) => [
      key,
      writes(key, /^to stderr$/m),
    ]),
  ),
  ...Object.fromEntries(
    ['log_file', 'log'].map((key) => [
      key,
      writes(key, /"argv"[\s\S]*^to stderr$|^to stderr$[\s\S]*"argv"/m),
    ]),
  ),
  pid_file: writesPid('pid_file'),
  pid: writesPid('pid'),
  merge_logs: merges('merge_logs'),
  combine_logs: merges('combine_logs'),
  log_date_format: async () =>
    expect(await outOf(startedAs('log_date_format'))).toMatch(/^at \d{4}: \{/),
  time: async () =>
    expect(await outOf(startedAs('time'))).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: \{/),
  log_type: async () =>
    expect(JSON.parse((await outOf(startedAs('log_type'))).split('\n')[0] ?? '')).toMatchObject({
      type: 'out',
      app_name: 'log_type',
      process_id: startedAs('log_type').pm_id,
    }),
  disable_logs: async () => {
    await facts('script') // by now the other would have printed, too
    const path = String(startedAs('disable_logs').pm2_env['pm_out_log_path'])
    expect(existsSync(path) ? readFileSync(path, 'utf8') : '').toBe('')
  },
  source_map_support: async () =>
    expect(await outOf(startedAs('source_map_support'))).toContain('origin.ts:4:'),
  disable_source_map_support: async () =>
    expect(await outOf(startedAs('disable_source_map_support'))).toContain('mapped.cjs:'),
  uid: runsAsNobody('uid'),
  user: runsAsNobody('user'),
  gid: async () => expect((await facts('gid')).gid).toBe(12),
  force: async () => {
    // A file with it may be started again and again in PM2, too, without a second app.
    write('force.config.cjs', [{ name: 'force', script: 'facts.cjs', force: true }])
    await cli.ok('start', join(folder, 'force.config.cjs'), '--json')
    const list = named(await cli.jlist(), 'force')
    expect(list.map(({ pm2_env }) => pm2_env.restart_time)).toEqual([1])
  },
  ...Object.fromEntries(
    ['vizion', 'pmx', 'automation', 'trace', 'v8', 'event_loop_inspector', 'deep_monitoring', 'io']
      .concat('post_update', 'install_url', 'windowsHide')
      .map((key) => [key, toldBack(key)]),
  ),
  name_prefix: () => runs('before:name_prefix')(),
  username: () => expect(startedAs('username').pm2_env['username']).toBe(userInfo().username),
  write: runs('write'),
  execute_command: () =>
    expect(named(first, 'execute_command').map(({ pm2_env }) => pm2_env.exec_mode)).toEqual([
      'fork_mode',
      'fork_mode',
    ]),
}

describe('each key of PM2', () => {
  test.each(KEYS)('%s', async (key) => {
    const check = BEHAVIOURS[key]
    if (check === undefined) throw new Error(`no test is named ${key}`)
    if (Object.hasOwn(AS_ROOT, key) && !isRoot) return
    await check()
  })
})
