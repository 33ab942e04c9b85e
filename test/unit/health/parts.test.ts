import { describe, expect, test } from 'vitest'

import { createDeathHistory } from '../../../daemon/supervisor/health/deaths/death-history.ts'
import {
  changesBetween,
  type Fingerprint,
} from '../../../daemon/supervisor/health/deaths/fingerprint.ts'
import { createOomLedger } from '../../../daemon/supervisor/health/deaths/kernel-oom.ts'
import { parseNotification } from '../../../daemon/supervisor/health/notify/notification.ts'
import { createKnownListeners } from '../../../daemon/supervisor/health/probes/known-listeners.ts'
import { createRotation } from '../../../daemon/supervisor/health/rotation.ts'
import { AGENT_COMMAND, type FromAgent, type ListenQuery } from '../../../src/contract/agent.ts'
import type { ExitReason } from '../../../src/contract/instance.ts'
import type { Monotonic } from '../../../src/contract/units.ts'

describe('kernel OOM', () => {
  /** A host whose files are these; `kill` is what its kernel does. */
  function host(files: Record<string, string>, counter: string) {
    let now = 0
    const table: Record<string, string | undefined> = { ...files }
    const set = (kills: number): void => void (table[counter] = `low 0\noom_kill ${kills}\n`)
    set(5)
    let kills = 5
    return {
      ledger: createOomLedger({ now: () => now as Monotonic }, (path) => table[path]),
      kill: () => set((kills += 1)),
      pass: (ms: number) => void (now += ms),
    }
  }
  const V2 = { '/proc/7/cgroup': '0::/app\n', '/proc/8/cgroup': '0::/app\n' }
  const V2_COUNTER = '/sys/fs/cgroup/app/memory.events'

  test.each([
    ['cgroup v2', V2, V2_COUNTER],
    ['cgroup v2 in a container', { '/proc/7/cgroup': '0::/\n' }, '/sys/fs/cgroup/memory.events'],
    [
      'cgroup v1',
      { '/proc/7/cgroup': '4:cpu,memory:/x\n' },
      '/sys/fs/cgroup/memory/x/memory.oom_control',
    ],
    ['the whole system', { '/proc/7/cgroup': '4:memory:/\n0::/\n' }, '/proc/vmstat'],
    ['no control groups', {}, '/proc/vmstat'],
  ])('%s: counted → the kernel’s, once', (_where, files, counter) => {
    const { ledger, kill } = host(files, counter)
    ledger.watch(7)
    expect(ledger.claim(7)).toBe(false)
    kill()
    expect(ledger.claim(7)).toBe(true)
    expect(ledger.claim(7)).toBe(false)
  })

  test('two die, one kill was counted → one of them', () => {
    const { ledger, kill } = host(V2, V2_COUNTER)
    ledger.watch(7)
    ledger.watch(8)
    kill()
    expect([ledger.claim(7), ledger.claim(8)]).toEqual([true, false])
  })

  test('a kill that nobody here died of explains no later death', () => {
    const { ledger, kill, pass } = host(V2, V2_COUNTER)
    ledger.watch(7)
    kill()
    pass(600)
    ledger.watch(7)
    pass(4000)
    ledger.watch(7)
    expect(ledger.claim(7)).toBe(false)
  })
})

describe('deaths', () => {
  const death = (pid: number, lines = 20): ExitReason => ({
    kind: 'exit',
    code: 1,
    signal: null,
    pid,
    atMs: pid,
    uptimeMs: 1,
    wasReady: true,
    lastLines: Array.from({ length: lines }, (_, n) => `${n} ${'x'.repeat(1000)}`),
  })

  test('ten, newest first; older ones with fewer lines, none with long ones', () => {
    const history = createDeathHistory()
    for (let pid = 1; pid <= 12; pid += 1) history.add(death(pid))
    expect(history.list().map(({ pid }) => pid)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3])
    expect(history.list().map(({ lastLines }) => lastLines.length)).toEqual([
      20, 5, 5, 5, 5, 5, 5, 5, 5, 5,
    ])
    expect(history.list()[0]?.lastLines[0]).toHaveLength(500)
  })

  test('what becomes known later is put in its place', () => {
    const history = createDeathHistory()
    const first = death(1, 0)
    history.add(first)
    history.add(death(2, 0))
    history.replace(first, { ...first, kind: 'heap-oom' })
    expect(history.list().map(({ kind }) => kind)).toEqual(['exit', 'heap-oom'])
  })

  test('a last exit that only the daemon knows of comes first', () => {
    const lost = { ...death(3, 0), kind: 'supervisor-lost' as const }
    const history = createDeathHistory({ deaths: [death(2, 0)], lastExit: lost })
    expect(history.list().map(({ pid }) => pid)).toEqual([3, 2])
    expect(createDeathHistory({ deaths: history.list(), lastExit: lost }).list()).toHaveLength(2)
  })
})

test('changes are told in the words of a user', () => {
  const before: Fingerprint = {
    salt: 'x',
    keys: { args: 'a', killTimeoutMs: 'b', maxMemoryBytes: 'c' },
    env: { A: '1', B: '2' },
    script: '/srv/app.js',
    scriptHash: 'aa',
    nodeVersion: '20.20.2',
    packageVersion: '1.2.0',
    packageHash: 'p',
    lockHash: 'l',
    gitHead: '1111111aaaa',
  }
  expect(changesBetween(before, before)).toEqual([])
  const now: Fingerprint = {
    ...before,
    keys: { args: 'a', killTimeoutMs: 'B' },
    env: { A: '1', B: '3', C: '4' },
    scriptHash: 'bb',
    nodeVersion: '22.1.0',
    packageHash: 'q',
    lockHash: 'm',
    gitHead: '2222222bbbb',
  }
  expect(changesBetween(before, now)).toEqual([
    'script app.js',
    'git 1111111 → 2222222',
    'package.json',
    'lock file of the packages',
    'node 20.20.2 → 22.1.0',
    'kill_timeout',
    'max_memory_restart',
    'env B',
    'env C',
  ])
  expect(changesBetween(before, { ...before, scriptHash: undefined })).toEqual([
    'script app.js is gone',
  ])
})

test.each([
  ['READY=1', { ready: true }],
  ['READY=0', { ready: false }],
  ['STATUS=a=b\x1eWATCHDOG=1\x1eREADY=1', { status: 'a=b', watchdog: 'alive', ready: true }],
  ['WATCHDOG=trigger', { watchdog: 'trigger' }],
  ['WATCHDOG_USEC=2500000', { watchdogMs: 2500 }],
  ['WATCHDOG_USEC=soon\x1eSTOPPING=1\x1e=\x1enonsense', { watchdogMs: undefined, stopping: true }],
  [`STATUS=${'x'.repeat(1000)}`, { status: 'x'.repeat(200) }],
])('sd_notify %j', (text, expected) => {
  expect(parseNotification(text)).toMatchObject(expected)
})

describe('the way to an instance', () => {
  const query = (port: number, given: Partial<ListenQuery> = {}): ListenQuery => ({
    address: null,
    port,
    addressType: 4,
    flags: 0,
    backlog: 0,
    index: 0,
    ...given,
  })
  type Told = FromAgent extends infer M ? (M extends unknown ? Omit<M, 'cmd'> : never) : never

  function told(...messages: Told[]) {
    const listeners = createKnownListeners()
    for (const message of messages)
      listeners.receive({ cmd: AGENT_COMMAND, ...message } as FromAgent)
    return listeners
  }
  const listen = (asked: ListenQuery): Told[] => [
    { act: 'listen', seq: 1, query: asked },
    { act: 'listening', address: '::', port: asked.port },
  ]

  test.each<[string, Told[], number | undefined, unknown]>([
    ['nothing listens', [], undefined, undefined],
    ['nothing listens, but a port is named', [], 80, { by: 'port', port: 80 }],
    [
      'it has not listened yet',
      [{ act: 'listen', seq: 1, query: query(80) }],
      undefined,
      undefined,
    ],
    ['one listener', listen(query(80)), undefined, { by: 'hand', key: ':80:4:0' }],
    [
      'two, one named',
      [...listen(query(80)), ...listen(query(81))],
      81,
      { by: 'hand', key: ':81:4:0' },
    ],
    [
      'a socket file and a port',
      [...listen(query(-1, { address: '/s', addressType: -1 })), ...listen(query(80))],
      undefined,
      { by: 'hand', key: ':80:4:0' },
    ],
    [
      'any port, in a cluster',
      [
        { act: 'listen', seq: 1, query: query(0) },
        { act: 'listening', address: '::', port: 4711 },
      ],
      4711,
      { by: 'hand', key: ':0:4:0' },
    ],
    [
      'any port, in fork mode',
      [{ act: 'listening', address: '::', port: 4711 }],
      undefined,
      { by: 'port', port: 4711 },
    ],
    [
      'UDP only',
      [
        { act: 'listen', seq: 1, query: query(53, { addressType: 'udp4' }) },
        { act: 'listening', address: '::', port: 53, protocol: 'udp' },
      ],
      undefined,
      undefined,
    ],
    [
      'closed again',
      [
        ...listen(query(80)),
        { act: 'closed', address: '::', port: 80 },
        { act: 'close', key: ':80:4:0' },
      ],
      undefined,
      undefined,
    ],
  ])('%s', (_case, messages, port, way) => {
    expect(told(...messages).wayTo(port)).toEqual(way)
  })
})

test('rotation: in while nobody objects; who does not count keeps nobody out', () => {
  const told: [boolean, string][] = []
  let counts = true
  const rotation = createRotation(
    (isIn, message) => told.push([isIn, message]),
    (who) => who !== 'silence' || counts,
  )
  rotation.set('probe', 'unwell')
  rotation.set('silence', 'silent')
  rotation.set('probe', undefined)
  rotation.set('silence', undefined)
  expect(told).toEqual([
    [false, 'unwell'],
    [true, 'no more: silent'],
  ])
  counts = false
  rotation.set('silence', 'silent')
  expect(told).toHaveLength(2)
  counts = true
  rotation.tell()
  rotation.tell()
  expect(told.slice(2)).toEqual([
    [false, 'silent'],
    [false, 'silent'],
  ])
})
