import { describe, expect, it, test } from 'vitest'

import {
  didYouMean,
  ERROR_CODES,
  type ErrorCode,
  exitCodeOf,
  fromWireError,
  LbmError,
  nearestOf,
  toWireError,
} from '../../../src/contract/errors.ts'

const EXPECTED: Partial<Record<ErrorCode, number>> = { USAGE: 2, CONFIG_INVALID: 2, TIMED_OUT: 3 }

test.each(Object.keys(ERROR_CODES) as ErrorCode[])('exit code of %s', (code) => {
  expect(exitCodeOf(code)).toBe(EXPECTED[code] ?? 1)
})

describe('on the wire', () => {
  it('code, message and hint survive', () => {
    const error = new LbmError('APP_NOT_FOUND', 'No.', { hint: 'start it' })
    expect(fromWireError(toWireError(error))).toMatchObject({
      code: 'APP_NOT_FOUND',
      message: 'No.',
      hint: 'start it',
    })
    expect(toWireError(new LbmError('USAGE', 'x'))).toEqual({ code: 'USAGE', message: 'x' })
  })

  it('a bug travels without its stack', () => {
    expect(toWireError(new TypeError('x'))).toEqual({ code: 'INTERNAL', message: 'x' })
    expect(toWireError('text')).toEqual({ code: 'INTERNAL', message: 'text' })
  })

  it('a code of a later version is INTERNAL here', () => {
    expect(fromWireError({ code: 'FROM_THE_FUTURE' as ErrorCode, message: 'x' }).code).toBe(
      'INTERNAL',
    )
  })
})

describe('suggestions', () => {
  test.each([
    ['strat', ['start', 'stop'], 'start'],
    ['API', ['api'], 'api'],
    ['zzzzzz', ['api', 'worker'], undefined],
    ['x', [], undefined],
  ])('%s of %j', (given, known, nearest) => {
    expect(nearestOf(given, known)).toBe(nearest)
  })

  it('without a near one, what there is, at most ten', () => {
    expect(didYouMean('zzzzzz', ['api', 'worker'])).toBe('There is: api, worker.')
    expect(
      didYouMean(
        'zzzzzz',
        Array.from({ length: 12 }, (_, n) => `application-${n}`),
      ),
    ).toMatch(/application-9, …\.$/)
    expect(didYouMean('x', [])).toBeUndefined()
  })
})
