import { expect, test } from 'vitest'

import { errorAnnotation, warningAnnotation } from '../../../src/cli/output/annotations.ts'
import { LbmError } from '../../../src/contract/errors.ts'

const annotate = (message: string, words: string[], hint?: string): string =>
  errorAnnotation(new LbmError('OPERATION_FAILED', message, { hint }), words, '/work')

test.each<[string, string[], string]>([
  [
    'api failed',
    ['apply', 'eco.json', '--ci'],
    '::error file=eco.json,title=lbm apply::api failed',
  ],
  ['api failed', ['reload', 'api', '--ci'], '::error title=lbm reload::api failed'],
  [
    'eco.config.js:3:7: SyntaxError: x',
    ['apply', 'eco.config.js'],
    '::error file=eco.config.js,line=3,col=7,title=lbm apply::eco.config.js:3:7: SyntaxError: x',
  ],
  [
    '/work/a/eco.config.js:3: SyntaxError: x',
    ['start'],
    '::error file=a/eco.config.js,line=3,title=lbm start::/work/a/eco.config.js:3: SyntaxError: x',
  ],
  [
    'eco.json: apps[0].name: expected',
    ['plan'],
    '::error file=eco.json,title=lbm plan::eco.json: apps[0].name: expected',
  ],
  ['100 % gone\r\nnext', ['--ci', 'wait'], '::error title=lbm wait::100 %25 gone%0D%0Anext'],
  ['x', ['apply', 'a,b:c.json'], '::error file=a%2Cb%3Ac.json,title=lbm apply::x'],
])('%j of %j', (message, words, expected) => {
  expect(annotate(message, words)).toBe(expected)
})

test('the hint is part of it; whatever was thrown has a text', () => {
  expect(annotate('x', ['start'], 'do y')).toBe('::error title=lbm start::x%0Ahint: do y')
  expect(errorAnnotation('odd', [], '/')).toBe('::error title=lbm::odd')
})

test('a warning', () => {
  expect(warningAnnotation('a\nb')).toBe('::warning title=lbm::a%0Ab')
})
