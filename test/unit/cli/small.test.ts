import { describe, expect, it, test } from 'vitest'

import { wantsColour } from '../../../src/cli/io.ts'
import { parseTimeout } from '../../../src/cli/waiting.ts'
import { failureOfActions } from '../../../src/client/failures.ts'
import { isSecretName, maskValue } from '../../../src/contract/mask.ts'

describe('masking', () => {
  test.each([
    'DB_PASSWORD',
    'password',
    'API_KEY',
    'APIKEY',
    'AWS_SECRET_ACCESS_KEY',
    'GITHUB_TOKEN',
    'JWT_SECRET',
    'SESSION_SECRET_1',
    'PRIVATE_KEY',
    'SENTRY_DSN',
    'KEY',
    'PGPASSWORD',
    'BASIC_AUTH',
    'apiToken',
  ])('%s looks secret', (name) => {
    expect(isSecretName(name)).toBe(true)
  })
  test.each([
    'PORT',
    'NODE_ENV',
    'KEYBOARD',
    'MONKEY',
    'AUTHOR',
    'TOKENIZER',
    'PASSENGER_COUNT',
    'SSH_AUTH_SOCK',
    'HOME',
  ])('%s does not', (name) => {
    expect(isSecretName(name)).toBe(false)
  })
  test.each([
    ['DB_PASSWORD', 'x', '********'],
    ['DB_PASSWORD', '', ''],
    ['DATABASE_URL', 'postgres://bob:hunter2@db:5432/x', 'postgres://bob:********@db:5432/x'],
    ['URL', 'https://example.com/a@b', 'https://example.com/a@b'],
    ['PORT', '80', '80'],
  ])('%s=%s → %s', (name, value, shown) => {
    expect(maskValue(name, value)).toBe(shown)
  })
})

describe('colour', () => {
  test.each([
    [[], {}, true, true],
    [[], {}, false, false],
    [['--no-color'], { FORCE_COLOR: '1' }, true, false],
    [[], { NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
    [[], { NO_COLOR: '' }, true, true],
    [[], { FORCE_COLOR: '1' }, false, true],
    [[], { FORCE_COLOR: '0' }, true, false],
    [[], { TERM: 'dumb' }, true, false],
  ])('%j %j terminal %s → %s', (args, env, isTerminal, expected) => {
    expect(wantsColour(args, env, isTerminal)).toBe(expected)
  })
})

describe('--timeout', () => {
  test.each([
    ['30', 30_000],
    ['1.5', 1500],
    ['500ms', 500],
    ['2m', 120_000],
    [undefined, undefined],
  ])('%s → %s ms', (text, ms) => {
    expect(parseTimeout(text)).toBe(ms)
  })
  test.each(['soon', '-1', '0'])('%s is wrong usage', (text) => {
    expect(() => parseTimeout(text)).toThrow(/--timeout/)
  })
})

describe('failures', () => {
  const exit = {
    pid: 1,
    atMs: 1,
    uptimeMs: 1500,
    wasReady: false,
    lastLines: [],
    code: null,
    signal: null,
  }
  test.each([
    [{ ...exit, kind: 'signal', signal: 'SIGKILL' }, 'killed by SIGKILL after 1.5 s'],
    [{ ...exit, kind: 'exit', code: 3 }, 'exit code 3 after 1.5 s'],
    [{ ...exit, kind: 'heap-oom', code: 134 }, 'out of heap memory'],
    [
      { ...exit, kind: 'spawn-failed', message: 'spawn EACCES' },
      'could not be started after 1.5 s: spawn EACCES',
    ],
    [
      { ...exit, kind: 'exception', code: 1, message: 'Error: x at a.js:1' },
      'exit code 1 after 1.5 s: Error: x at a.js:1',
    ],
  ] as const)('%j', (given, sentence) => {
    const outcome = {
      id: 2,
      number: 0,
      result: 'failed' as const,
      exit: { ...given, lastLines: [] },
    }
    const error = failureOfActions([{ app: 'api', name: 'api', outcomes: [outcome] }])
    expect(error).toMatchObject({ code: 'START_FAILED' })
    expect(error?.message).toContain(`api (id 2) failed to start: ${sentence}`)
  })

  it('counts the others', () => {
    const outcomes = [0, 1, 2].map((id) => ({ id, number: id, result: 'timed-out' as const }))
    const error = failureOfActions([{ app: 'api', name: 'api', outcomes }])
    expect(error?.message).toBe('api (id 0) was not ready in time.\n  (and 2 more)')
    expect(error?.code).toBe('START_TIMED_OUT')
  })

  it('is nothing where all went well', () => {
    const rollout = { result: 'done' as const, generation: 2, replaced: 1 }
    expect(
      failureOfActions([
        { app: 'a', name: 'a', rollout },
        { app: 'b', name: 'b', outcomes: [] },
      ]),
    ).toBeUndefined()
  })
})
