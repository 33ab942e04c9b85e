import { compileFunction } from 'node:vm'

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

import { checkApp } from '../../../src/config/check-app.ts'
import { fromPm2 } from '../../../src/config/from-pm2.ts'
import { configText } from '../../../src/config/write-config.ts'

const HOME = '/home/u/.pm2'

/** As PM2 7 writes it. */
const entry = (given: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: 'api',
  namespace: 'default',
  pm_exec_path: '/srv/app.js',
  pm_cwd: '/srv',
  exec_interpreter: 'node',
  exec_mode: 'fork_mode',
  node_args: [],
  autorestart: true,
  autostart: true,
  treekill: true,
  vizion: true,
  merge_logs: true,
  instance_var: 'NODE_APP_INSTANCE',
  NODE_APP_INSTANCE: 0,
  pm_out_log_path: `${HOME}/logs/api-out.log`,
  pm_err_log_path: `${HOME}/logs/api-error.log`,
  pm_pid_path: `${HOME}/pids/api-0.pid`,
  status: 'online',
  restart_time: 4,
  env: { PM2_HOME: HOME, unique_id: 'x', api: {}, PATH: '/bin', PORT: '80', SHLVL: '2' },
  ...given,
})
const context = { shell: { PATH: '/bin' }, isOwnNode: (path: string) => path === '/usr/bin/node' }
const convert = (...entries: object[]): Record<string, unknown>[] =>
  fromPm2(entries, 'f', context).apps

test('an app with nothing special is three keys and what was declared', () => {
  expect(convert(entry())).toEqual([
    { name: 'api', script: '/srv/app.js', cwd: '/srv', env: { PORT: '80' } },
  ])
})

test('an element of jlist is the same', () => {
  expect(convert({ pid: 1, name: 'api', pm_id: 0, pm2_env: entry(), monit: {} })).toEqual(
    convert(entry()),
  )
})

test('instances of a cluster are one app', () => {
  const cluster = { exec_mode: 'cluster_mode', merge_logs: undefined }
  const instance = (number: number): Record<string, unknown> =>
    entry({
      ...cluster,
      NODE_APP_INSTANCE: number,
      pm_out_log_path: `/var/log/api-${number + 5}.log`,
      pm_err_log_path: `${HOME}/logs/api-error-${number + 5}.log`,
    })
  expect(convert(instance(1), instance(0))[0]).toMatchObject({
    exec_mode: 'cluster',
    instances: 2,
    out_file: '/var/log/api.log',
  })
  expect(convert(instance(1), instance(0))[0]).not.toHaveProperty('error_file')
})

test('a command line, an interpreter, a stopped app, a policy', () => {
  const command = {
    pm_exec_path: '/usr/bin/bash',
    args: ['-c', 'npm start'],
    exec_interpreter: 'none',
  }
  expect(convert(entry(command))[0]).toMatchObject({ script: 'npm start' })
  const python = { pm_exec_path: '/srv/a.py', exec_interpreter: 'python3', args: ['x'] }
  expect(convert(entry(python))[0]).toMatchObject({ interpreter: 'python3', args: ['x'] })
  expect(convert(entry({ exec_interpreter: '/usr/bin/node' }))[0]).not.toHaveProperty('interpreter')
  const other = { exec_interpreter: '/opt/node22/bin/node' }
  expect(convert(entry(other))[0]).toMatchObject({ interpreter: '/opt/node22/bin/node' })
  expect(convert(entry({ status: 'stopped' }))[0]).toMatchObject({ autostart: false })
  const policy = { autorestart: false, restart_delay: 9, watch: ['src'], max_memory_restart: 1e6 }
  expect(convert(entry(policy))[0]).toMatchObject(policy)
  const dates = { log_date_format: 'YYYY-MM-DDTHH:mm:ss' }
  expect(convert(entry(dates))[0]).toMatchObject({ time: true })
})

test('modules are left out, a second app of a name gets another, and it is said', () => {
  const list = [
    entry(),
    entry({ pm_exec_path: '/srv/other.js' }),
    entry({ name: 'pm2-logrotate', pmx_module: true }),
  ]
  const { apps, notes } = fromPm2(list, 'f', context)
  expect(apps.map(({ name }) => name)).toEqual(['api', 'api-2'])
  expect(notes).toEqual([
    'modules of PM2 are left out: pm2-logrotate',
    'a second app called "api" is "api-2" now',
  ])
})

test.each([[{}], [[1]], [[{ name: 'x' }]], ['text'], [null]])('%j is no list of PM2', (list) => {
  expect(() => fromPm2(list, 'the file', context)).toThrow('the file is no list of PM2')
})

test('every key that comes out is one that lbm knows, and its value holds', () => {
  const all = entry({
    exec_mode: 'cluster_mode',
    args: ['a'],
    node_args: ['--inspect'],
    stop_exit_codes: 3,
    cron_restart: '0 3 * * *',
    kill_timeout: 3000,
    listen_timeout: 4000,
    min_uptime: 2000,
    max_restarts: 3,
    wait_ready: true,
    shutdown_with_message: true,
    treekill: false,
    watch: true,
    ignore_watch: ['tmp'],
    watch_delay: 100,
    exp_backoff_restart_delay: 100,
    increment_var: 'PORT',
    log_type: 'json',
    disable_logs: true,
    pm_log_path: '/var/log/all-0.log',
    uid: 1000,
    gid: 1000,
  })
  const [app = {}] = convert(all)
  const { problems, unknown } = checkApp(app, (key) => key)
  expect([...problems, ...unknown]).toEqual([])
})

test('what is written is read again as it was, whatever is in it', () => {
  const anything = fc.string({
    unit: fc.integer({ min: 0, max: 0x20_ff }).map((code) => String.fromCharCode(code)),
  })
  const key = fc.string().filter((one) => one !== '__proto__')
  const value = fc.oneof(
    anything,
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(key, anything, { maxKeys: 3 }),
  )
  const apps = fc.array(fc.dictionary(key, value, { maxKeys: 5 }), { maxLength: 3 })
  fc.assert(
    fc.property(apps, (given) => {
      const plain: unknown = JSON.parse(JSON.stringify({ apps: given }))
      expect(exported(configText(given, 'x.config.js'))).toEqual(plain)
      expect(JSON.parse(configText(given, 'x.json'))).toEqual(plain)
    }),
  )
  expect(parse(configText([{ name: 'a: b' }], 'x.yaml'))).toEqual({ apps: [{ name: 'a: b' }] })
})

function exported(text: string): unknown {
  const module = { exports: {} }
  compileFunction(text, ['module'])(module)
  return module.exports
}
