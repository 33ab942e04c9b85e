import { expect, test } from 'vitest'

import { exitCodeOfApps } from '../../../src/cli/foreground/exit-code.ts'
import type { ExitReason } from '../../../src/contract/instance.ts'

const exit = (given: Partial<ExitReason>): ExitReason => ({
  kind: 'exit',
  code: null,
  signal: null,
  pid: 1,
  atMs: 0,
  uptimeMs: 1,
  wasReady: true,
  lastLines: [],
  ...given,
})

test.each([
  ['its own code', [exit({ code: 7 })], 7],
  ['no failure at all', [exit({ code: 0 }), exit({ code: 0 })], 0],
  ['nothing ever ended', [], 0],
  ['a death by a signal, as a shell counts it', [exit({ signal: 'SIGSEGV' })], 139],
  ['stopped on request', [exit({ signal: 'SIGINT', requestedBy: 'command' })], 0],
  ['stopped on request, with a code of its own', [exit({ code: 5, requestedBy: 'command' })], 5],
  ['killed since it did not stop', [exit({ signal: 'SIGKILL', requestedBy: 'command' })], 137],
  [
    'the first failure in time',
    [exit({ code: 3, atMs: 9 }), exit({ code: 0, atMs: 1 }), exit({ code: 4, atMs: 5 })],
    4,
  ],
  ['a process that could not be made', [exit({ kind: 'spawn-failed' })], 1],
])('%s', (_, exits, code) => {
  expect(exitCodeOfApps(exits)).toBe(code)
})
