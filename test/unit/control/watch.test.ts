import picomatch from 'picomatch'
import { expect, test } from 'vitest'

import { createIgnore } from '../../../daemon/control/watch-ignore.ts'
import { decideWatchRestart, NO_LOOP, restartDone } from '../../../daemon/control/watch-loop.ts'

/** Restarts at these times for these files; each is done half a second later. */
function suspendedAt(changes: { atMs: number; files: string[] }[]): number | undefined {
  let loop = NO_LOOP
  for (const [index, { atMs, files }] of changes.entries()) {
    const decision = decideWatchRestart(loop, files, atMs)
    if (!decision.restart) return index
    loop = restartDone(decision.loop, atMs + 500)
  }
  return undefined
}

const every = (ms: number, files: (n: number) => string[], count = 20) =>
  Array.from({ length: count }, (_, n) => ({ atMs: n * ms, files: files(n) }))

test('the same file again and again, soon after each restart → suspended at the sixth', () => {
  expect(suspendedAt(every(1000, () => ['data.json']))).toBe(5)
  expect(suspendedAt(every(1000, (n) => ['data.json', `tmp-${n}`]))).toBe(5)
})

test('a person who saves each 3 s → never', () => {
  expect(suspendedAt(every(3000, () => ['app.js']))).toBeUndefined()
})

test('other files each time, as in a checkout → never', () => {
  expect(suspendedAt(every(1000, (n) => [`f${n}.js`]))).toBeUndefined()
})

const home = '/home/u/.lbm'
function ignores(
  path: string,
  given: Partial<Parameters<typeof createIgnore>[0]> = {},
  isFile = true,
): boolean {
  const options = {
    roots: ['/home/u/.apps/web'],
    cwd: '/home/u/.apps',
    ignore: ['**/node_modules/**', '**/.*', '**/.*/**'],
    extensions: [],
    own: [home, '/home/u/.apps/web/out.log'],
    ...given,
  }
  return createIgnore(options, picomatch)(path, isFile)
}

test.each([
  ['/home/u/.apps/web', false],
  ['/home/u/.apps/web/app.js', false],
  ['/home/u/.apps/web/lib/a.b.js', false],
  ['/home/u/.apps/web/node_modules/x/index.js', true],
  ['/home/u/.apps/web/node_modules', true],
  ['/home/u/.apps/web/lib/node_modules/x', true],
  ['/home/u/.apps/web/.git/HEAD', true],
  ['/home/u/.apps/web/.env', true],
  ['/home/u/.apps/web/out.log', true],
  ['/home/u/.lbm/logs/web-out.log', true],
])('by default %s is ignored: %s', (path, expected) => {
  expect(ignores(path)).toBe(expected)
})

test.each([
  ['tmp', 'tmp/x', true],
  ['tmp', 'lib/tmp', true],
  ['tmp', 'tmpx', false],
  ['./tmp/', 'tmp/x/y', true],
  ['lib/tmp', 'lib/tmp/x', true],
  ['lib/tmp', 'tmp/x', false],
  ['web/tmp', 'tmp/x', true],
  ['./web/*/tmp/', 'lib/tmp/x', true],
  ['web/tmp', 'lib/x', false],
  ['*.log', 'a/b/x.log', true],
  ['/home/u/.apps/web/data', 'data/x', true],
  ['/home/u/.apps/web/data/', 'data', true],
  ['[\\/\\\\]\\./', '.env', false],
  ['/[\\/\\\\]\\.|node_modules/', '.env', true],
  ['/[\\/\\\\]\\.|node_modules/', 'x/node_modules/y', true],
  ['/^build\\b/', 'build/x', true],
  ['/(/', 'x', false],
])('ignore_watch %j ignores %s: %s', (pattern, below, expected) => {
  expect(ignores(`/home/u/.apps/web/${below}`, { ignore: [pattern] })).toBe(expected)
})

test('only some extensions: files of others are ignored, folders are not', () => {
  const given = { extensions: ['js', '.json'] }
  expect(ignores('/home/u/.apps/web/a.js', given)).toBe(false)
  expect(ignores('/home/u/.apps/web/a.json', given)).toBe(false)
  expect(ignores('/home/u/.apps/web/a.css', given)).toBe(true)
  expect(ignores('/home/u/.apps/web/css', given, false)).toBe(false)
})

test('what lbm writes is watched only where it is named', () => {
  const given = { roots: ['/home/u/.lbm/logs/web-out.log'], ignore: [] }
  expect(ignores('/home/u/.lbm/logs/web-out.log', given)).toBe(false)
})
