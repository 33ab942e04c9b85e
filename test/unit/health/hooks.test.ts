import { expect, test } from 'vitest'

import { chooseHooks } from '../../../daemon/supervisor/hooks/chosen-hooks.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import type { ExitReason } from '../../../src/contract/instance.ts'

const hook = { command: ['true'], timeoutMs: 1000 }
const spec = { hooks: { onCrash: hook, onReady: hook, onExit: hook } }
const base = { v: 1, atMs: 1, app: 'api', id: 0, number: 0 } as const

function exited(given: Partial<ExitReason>): LbmEvent {
  const exit: ExitReason = {
    kind: 'exit',
    code: 0,
    signal: null,
    pid: 1,
    atMs: 1,
    uptimeMs: 1,
    wasReady: true,
    lastLines: [],
    ...given,
  }
  return { ...base, type: 'instance.exited', exit, willRestartInMs: null }
}

test.each<[string, Partial<ExitReason>, string[]]>([
  ['exit code 0', {}, ['on_exit']],
  ['exit code 1', { code: 1 }, ['on_crash', 'on_exit']],
  [
    'SIGKILL from nobody of ours',
    { kind: 'signal', code: null, signal: 'SIGKILL' },
    ['on_crash', 'on_exit'],
  ],
  ['a stop', { kind: 'signal', code: null, signal: 'SIGINT', requestedBy: 'command' }, ['on_exit']],
  ['a reload', { requestedBy: 'reload' }, ['on_exit']],
  ['a hang', { kind: 'signal', signal: 'SIGKILL', requestedBy: 'hang' }, ['on_crash', 'on_exit']],
  ['the listen time-out', { requestedBy: 'listen-timeout' }, ['on_crash', 'on_exit']],
  ['its memory, in good order', { requestedBy: 'memory' }, ['on_exit']],
  ['its memory, at once', { signal: 'SIGKILL', requestedBy: 'memory' }, ['on_crash', 'on_exit']],
  ['max_requests', { requestedBy: 'max-requests' }, ['on_exit']],
])('ended by %s → %j', (_how, given, names) => {
  expect(chooseHooks(spec, exited(given)).map(({ name }) => name)).toEqual(names)
})

test('ready → on_ready; without hooks, or other events → none', () => {
  const ready: LbmEvent = { ...base, type: 'instance.ready', pid: 1, readyAfterMs: 1 }
  expect(chooseHooks(spec, ready).map(({ name }) => name)).toEqual(['on_ready'])
  expect(chooseHooks({ hooks: {} }, ready)).toEqual([])
  expect(chooseHooks(spec, { ...base, type: 'instance.errored', message: '' })).toEqual([])
})
