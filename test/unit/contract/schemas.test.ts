import { expect, test } from 'vitest'

import { checkParams, daemonSchemas, supervisorSchemas } from '../../../src/contract/schemas.ts'
import { sampleRecord, sampleSpec } from '../../helpers/sample-spec.ts'

const overTheWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

function problemOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`
  }
  return 'none'
}

const startWith = (spec: object) => () =>
  checkParams('app.start', daemonSchemas['app.start'], {
    spec: { ...sampleSpec(), ...spec },
    force: false,
    wait: true,
  })

test('a definition comes through as it was sent', () => {
  const params = { spec: sampleSpec({ cronRestart: '0 0 * * *' }), force: false, wait: true }
  expect(checkParams('app.start', daemonSchemas['app.start'], overTheWire(params))).toEqual(params)
  const record = sampleRecord()
  expect(checkParams('app.put', supervisorSchemas['app.put'], overTheWire({ record }))).toEqual({
    record,
  })
})

test.each([
  [{ killTimeoutMs: 'soon' }, 'spec.killTimeoutMs: expected number, got "soon"'],
  [{ instances: 0.5 }, 'spec.instances: expected a whole number, got 0.5'],
  [{ instances: -1 }, 'spec.instances: expected 0 or more, got -1'],
  [{ mode: 'both' }, 'spec.mode: expected ("fork" | "cluster"), got "both"'],
  [{ script: 'api.js' }, 'spec.script: expected an absolute path, got "api.js"'],
  [{ args: ['a\0b'] }, 'spec.args.0: expected text without NUL, got "a\0b"'],
  [{ env: { TOKEN: 5 } }, 'spec.env.TOKEN: expected string'],
  [{ env: { 'A=B': 'x' } }, 'spec.env.A=B: expected a name of a variable'],
  [{ killSignal: '9' }, 'spec.killSignal: expected the name of a signal such as SIGUSR2, got "9"'],
])('%j → BAD_REQUEST that names the key', (spec, message) => {
  expect(problemOf(startWith(spec))).toBe(`BAD_REQUEST app.start: ${message}`)
})

test.each([
  [undefined, 'parameters: expected Object, got undefined'],
  [{ selectors: [] }, 'selectors: expected at least one selector, got 0'],
  [{ selectors: 'all' }, 'selectors: expected Array, got "all"'],
  [{ selectors: [null] }, 'selectors.0: expected string, got null'],
])('%j as parameters of app.stop', (params, message) => {
  expect(problemOf(() => checkParams('app.stop', daemonSchemas['app.stop'], params))).toBe(
    `BAD_REQUEST app.stop: ${message}`,
  )
})

test('methods without parameters take none or an empty object', () => {
  const ping = daemonSchemas['daemon.ping']
  expect(checkParams('daemon.ping', ping, undefined)).toEqual({})
  expect(problemOf(() => checkParams('daemon.ping', ping, { a: 1 }))).toContain('BAD_REQUEST')
})

test('a key called __proto__ changes nothing', () => {
  const params = JSON.parse(
    '{"selectors":["all"],"balance":{"__proto__":{"x":1}},"__proto__":{"polluted":true}}',
  ) as unknown
  const checked = checkParams('app.balance', daemonSchemas['app.balance'], params)
  expect('polluted' in checked || 'x' in checked.balance).toBe(false)
})
