import { describe, expect, it, test } from 'vitest'

import { APP_KEYS, type AppKeys } from '../../../src/config/app-keys.ts'
import { checkApp, type CheckResult } from '../../../src/config/check-app.ts'

const check = (given: Record<string, unknown>): CheckResult => checkApp(given, (key) => key)

interface Sample {
  /** Written → read. */
  good: [unknown, unknown][]
  bad: unknown[]
}

const text: Sample = { good: [['x', 'x']], bad: [5, ['x']] }
const word: Sample = { good: [['api', 'api']], bad: [5, 'two\nlines', ' ', 'x'.repeat(201)] }
const flag: Sample = {
  good: [
    [true, true],
    [false, false],
  ],
  bad: ['false', 0],
}
const count: Sample = {
  good: [
    [3, 3],
    ['3', 3],
  ],
  bad: [-1, 0.5, 'three', true],
}
const positive: Sample = { ...count, bad: [...count.bad, 0] }
const duration: Sample = {
  good: [
    [3000, 3000],
    ['3000', 3000],
    ['5s', 5000],
    ['1.5h', 5_400_000],
  ],
  bad: ['5 sec', -1, true, 'soon'],
}
const size: Sample = {
  good: [
    ['150M', 157_286_400],
    [1024, 1024],
    ['1.5G', 1_610_612_736],
    ['200mb', 209_715_200],
  ],
  bad: ['100Q', 'big', true, -5],
}
const texts: Sample = {
  good: [
    ['a', ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  ],
  bad: [5, [5]],
}
const words: Sample = {
  good: [
    ['a "b c"', ['a', 'b c']],
    [
      ['a', 5],
      ['a', '5'],
    ],
  ],
  bad: [5, { a: 1 }],
}
const account: Sample = {
  good: [
    ['www-data', 'www-data'],
    ['33', 33],
    [33, 33],
  ],
  bad: [-1, 1.5, true],
}
const anything: Sample = { good: [[{ a: 1 }, { a: 1 }]], bad: [] }
const probe: Sample = {
  good: [
    ['/healthz', { http: { path: '/healthz' } }],
    [
      {
        httpGet: { path: '/x', port: '8080', status: 204 },
        periodSeconds: 2,
        timeout_seconds: '500ms',
      },
      {
        http: { path: '/x', port: 8080, status: [204] },
        period_seconds: 2000,
        timeout_seconds: 500,
      },
    ],
    [{ tcp: true }, { tcp: {} }],
    [{ tcp_socket: 5432 }, { tcp: { port: 5432 } }],
    [{ exec: 'pg_isready -q' }, { exec: { command: ['pg_isready', '-q'] } }],
  ],
  bad: [5, { http: { path: '/', port: 70_000 } }, { failure_threshold: 0 }],
}
const hook: Sample = {
  good: [
    ['https://example.com/h', { url: 'https://example.com/h' }],
    ['notify "a b"', { command: ['notify', 'a b'] }],
    [
      { command: ['x'], timeout: '5s' },
      { command: ['x'], timeout: 5000 },
    ],
  ],
  bad: [5, { url: 5 }],
}
const environment: Sample = {
  good: [
    [
      { A: 1, B: true, C: { d: 1 }, D: null },
      { A: '1', B: 'true', C: '{"d":1}', D: '' },
    ],
  ],
  bad: ['A=1', ['A'], 5],
}

const SAMPLES: Record<keyof AppKeys, Sample> = {
  script: text,
  name: word,
  namespace: word,
  cwd: text,
  args: words,
  interpreter: text,
  interpreter_args: words,
  type: {
    good: [
      ['job', 'job'],
      ['service', 'service'],
    ],
    bad: ['cron', true],
  },
  overlap: { good: [['queue', 'queue']], bad: ['wait', 1] },
  exec_mode: {
    good: [
      ['cluster', 'cluster'],
      ['fork_mode', 'fork_mode'],
    ],
    bad: ['threads', 1],
  },
  instances: {
    good: [
      ['max', 'max'],
      [0, 0],
      ['-1', -1],
      [4, 4],
    ],
    bad: ['abc', 0.5, '0.5', true, 100_000],
  },
  env: environment,
  env_file: texts,
  filter_env: {
    good: [
      [true, true],
      ['AWS', 'AWS'],
      [['AWS'], ['AWS']],
    ],
    bad: [5, [5]],
  },
  append_env_to_name: flag,
  port: { ...count, bad: [...count.bad, 70_000] },
  increment_var: text,
  instance_var: text,
  autostart: flag,
  autorestart: flag,
  restart: { good: [['on-failure', 'on-failure']], bad: ['sometimes', true] },
  max_restarts: count,
  min_uptime: duration,
  restart_delay: duration,
  exp_backoff_restart_delay: duration,
  stop_exit_codes: {
    good: [
      [0, [0]],
      ['0,3', [0, 3]],
      [
        [1, '2'],
        [1, 2],
      ],
    ],
    bad: ['zero', 256, [300]],
  },
  kill_timeout: duration,
  kill_signal: { good: [['SIGTERM', 'SIGTERM']], bad: ['TERM', 15] },
  shutdown_with_message: flag,
  treekill: flag,
  listen_timeout: duration,
  wait_ready: flag,
  max_memory_restart: size,
  hang_timeout: duration,
  max_requests: positive,
  max_age: duration,
  startup: probe,
  readiness: probe,
  liveness: probe,
  balance: {
    good: [
      ['sticky', { policy: 'sticky' }],
      [
        { policy: 'weighted', weights: [3, 1], queueTimeout: '2s' },
        { policy: 'weighted', weights: [3, 1], queue_timeout: 2000 },
      ],
    ],
    bad: ['fastest', { policy: 'x' }, { weights: ['a'] }],
  },
  // Their own keys are tested beside the proxies.
  slots: { good: [[{ base: 21_001 }, { base: 21_001 }]], bad: [5] },
  proxy: { good: [[{}, {}]], bad: [5] },
  max_surge: positive,
  reload_min_uptime: duration,
  soak: duration,
  drain_idle: duration,
  drain_timeout: duration,
  spare: count,
  leader: flag,
  depends_on: {
    good: [
      ['db', { db: 'ready' }],
      [['db', 'cache'], { db: 'ready', cache: 'ready' }],
      [{ migrate: 'completed' }, { migrate: 'completed' }],
    ],
    bad: [5, { db: 'soon' }],
  },
  watch: {
    good: [
      [true, true],
      ['src', ['src']],
      [[], true],
      [['a'], ['a']],
    ],
    bad: [5, [5]],
  },
  ignore_watch: texts,
  watch_delay: duration,
  ext: {
    good: [
      ['js,.json', ['js', 'json']],
      [['js'], ['js']],
    ],
    bad: [5, [5]],
  },
  watch_options: { good: [[{ usePolling: true }, { usePolling: true }]], bad: [true] },
  cron_restart: {
    good: [
      ['0 3 * * *', '0 3 * * *'],
      [0, '0'],
    ],
    bad: [5, true],
  },
  cron_timezone: text,
  out_file: text,
  error_file: text,
  log_file: {
    good: [
      [true, true],
      ['x.log', 'x.log'],
    ],
    bad: [5],
  },
  pid_file: text,
  merge_logs: flag,
  log_date_format: text,
  time: flag,
  log_type: text,
  disable_logs: flag,
  log_max_size: size,
  log_max_files: count,
  log_rotate_interval: duration,
  log_compress: flag,
  uid: account,
  gid: account,
  on_crash: hook,
  on_ready: hook,
  on_exit: hook,
  force: anything,
  name_prefix: text,
  kill_retry_time: anything,
  source_map_support: flag,
  disable_source_map_support: flag,
  vizion: anything,
  pmx: anything,
  automation: anything,
  trace: anything,
  v8: anything,
  event_loop_inspector: anything,
  deep_monitoring: anything,
  io: anything,
  post_update: anything,
  install_url: anything,
  windowsHide: anything,
  username: anything,
  write: anything,
  execute_command: flag,
  km_link: anything,
  disable_trace: anything,
}

describe.each(Object.entries(SAMPLES))('%s', (key, { good }) => {
  test.each(good)('%j is read as %j', (written, read) => {
    const result = check({ [key]: written })
    expect(result.problems).toEqual([])
    expect(result.unknown).toEqual([])
    expect(result.app[key as keyof AppKeys]).toEqual(read)
  })
})

const BAD = Object.entries(SAMPLES).flatMap(([key, { bad }]) =>
  bad.map((value) => [key, value] as const),
)

test.each(BAD)('%s: %j is refused, by name and with what is allowed', (key, value) => {
  const { problems } = check({ [key]: value })
  expect(problems).toHaveLength(1)
  expect(problems[0]?.place).toMatch(new RegExp(`^${key}`))
  expect(problems[0]?.message).toMatch(/^expected .+, got /)
})

test('every key has a sample', () => {
  expect(Object.keys(SAMPLES).toSorted()).toEqual(Object.keys(APP_KEYS).toSorted())
})

describe('spellings', () => {
  test.each([
    ['maxMemoryRestart', 'max_memory_restart', '1G', 1_073_741_824],
    ['killTimeout', 'kill_timeout', 5, 5],
    ['exec', 'script', 'a.js', 'a.js'],
    ['cmd', 'script', 'a.js', 'a.js'],
    ['command', 'script', 'a.js', 'a.js'],
    ['exec_interpreter', 'interpreter', 'bun', 'bun'],
    ['node_args', 'interpreter_args', '-r x', ['-r', 'x']],
    ['interpreterArgs', 'interpreter_args', '-r x', ['-r', 'x']],
    ['cron', 'cron_restart', '* * * * *', '* * * * *'],
    ['out', 'out_file', 'x', 'x'],
    ['output', 'out_file', 'x', 'x'],
    ['out_log', 'out_file', 'x', 'x'],
    ['error', 'error_file', 'x', 'x'],
    ['err', 'error_file', 'x', 'x'],
    ['err_file', 'error_file', 'x', 'x'],
    ['err_log', 'error_file', 'x', 'x'],
    ['log', 'log_file', 'x', 'x'],
    ['pid', 'pid_file', 'x', 'x'],
    ['combine_logs', 'merge_logs', true, true],
    ['user', 'uid', 'bob', 'bob'],
    ['windowsHide', 'windowsHide', true, true],
  ] as const)('%s means %s', (spelling, key, written, read) => {
    const { app, raw, problems, unknown } = check({ [spelling]: written })
    expect({ problems, unknown }).toEqual({ problems: [], unknown: [] })
    expect(app[key]).toEqual(read)
    expect(raw).toEqual({ [key]: written })
  })
})

describe('what nobody knows', () => {
  it('names the nearest key, in any spelling', () => {
    expect(check({ instance: 2, max_memory_restrat: '1G', killTimeuot: 5 }).unknown).toEqual([
      { place: 'instance', message: 'there is no such key; did you mean "instances"?' },
      {
        place: 'max_memory_restrat',
        message: 'there is no such key; did you mean "max_memory_restart"?',
      },
      { place: 'killTimeuot', message: 'there is no such key; did you mean "kill_timeout"?' },
    ])
  })

  it('looks inside objects, too', () => {
    expect(
      check({ balance: { polcy: 'sticky' }, readiness: { http: { pth: '/' } } }).unknown,
    ).toEqual([
      { place: 'balance.polcy', message: 'there is no such key; did you mean "policy"?' },
      { place: 'readiness.http.pth', message: 'there is no such key; did you mean "path"?' },
    ])
  })

  it('suggests nothing where nothing is near', () => {
    expect(check({ zzzzzzzz: 1 }).unknown[0]?.message).toBe('there is no such key')
  })
})

describe('problems', () => {
  it('are all told at once, nested ones with their path', () => {
    const { problems } = check({
      instances: 'abc',
      readiness: { http: { port: 'x' } },
      env_production: 'A=1',
    })
    expect(problems.map(({ place }) => place)).toEqual([
      'instances',
      'readiness.http.port',
      'env_production',
    ])
  })

  it('show what was given, cut when it is long', () => {
    expect(check({ kill_timeout: 'y'.repeat(200) }).problems[0]?.message).toMatch(/got "y{58}…$/)
    expect(check({ env: () => 1 }).problems[0]?.message).toMatch(/got a function$/)
  })
})

it('env_<name> is kept by name, with text for values', () => {
  expect(check({ env_production: { PORT: 80 } }).app.environments).toEqual({
    production: { PORT: '80' },
  })
})

it.each([undefined, null, ''])('%j is as if it were not there', (nothing) => {
  expect(check({ script: nothing, instances: nothing, env: nothing })).toMatchObject({
    problems: [],
    raw: {},
  })
})
