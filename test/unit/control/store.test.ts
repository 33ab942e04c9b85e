import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { parseState } from '../../../daemon/control/state-format.ts'
import { openStore, type Store } from '../../../daemon/control/store.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-store-'))
  path = join(folder, 'state.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const one = sampleRecord({ name: 'one' })
const two = sampleRecord({ name: 'two' }, { firstId: 1 })
const keys = (store: Store): string[] => store.apps().map(({ key }) => key)

async function saveOneThenTwo(): Promise<void> {
  const store = openStore(path)
  store.put(one)
  await store.saved()
  store.put(two)
  await store.saved()
}

function failureOf(run: () => unknown): { code?: string; message?: string } {
  try {
    run()
  } catch (error) {
    return error as { code: string; message: string }
  }
  return {}
}

test('saved → the same after opening it again; mode 0600', async () => {
  const store = openStore(path)
  store.put({ ...one, slots: [{ id: store.allocateId(), number: 0, desired: 'stopped' }] })
  const changed = store.find('one')
  await store.saved()
  const again = openStore(path)
  expect([again.apps(), again.isTrusted, again.warnings]).toEqual([[changed], true, []])
  expect(again.allocateId()).toBe(1)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('100 changes at once are few writes, and all are there', async () => {
  const store = openStore(path)
  const saves = Array.from({ length: 100 }, async (_, id) => {
    store.put(sampleRecord({ name: `app${id}` }, { firstId: id }))
    await store.saved()
    expect(readFileSync(path, 'utf8')).toContain(`"app${id}"`)
  })
  await Promise.all(saves)
  expect(openStore(path).apps()).toHaveLength(100)
})

test('an app that is being ended is in the list, and not in the file', async () => {
  const store = openStore(path)
  store.put(one)
  store.put(two)
  store.plan('two', undefined)
  await store.saved()
  expect([keys(store), keys(openStore(path))]).toEqual([['one', 'two'], ['one']])
  store.put(two)
  await store.saved()
  expect(keys(openStore(path))).toEqual(['one', 'two'])
})

test('ids: never given again, but from 0 once the list is empty', async () => {
  const store = openStore(path)
  store.put(one)
  expect([store.allocateId(), store.allocateId()]).toEqual([0, 1])
  store.remove('one')
  expect(store.allocateId()).toBe(0)
})

test('cut off at every byte → no state, or all of it', async () => {
  await saveOneThenTwo()
  const whole = readFileSync(path)
  for (let length = 0; length <= whole.length; length += 1) {
    const read = parseState(path, whole.subarray(0, length).toString())
    const isWhole = length >= whole.length - 1 // but for the newline at its end
    expect('state' in read ? read.state.apps.length : 0).toBe(isWhole ? 2 : 0)
  }
})

test('cut off → the state before it is used, the file set aside, and both told', async () => {
  await saveOneThenTwo()
  const whole = readFileSync(path)
  for (const length of [0, 1, 100, whole.length - 2]) {
    const here = join(folder, `cut-${length}`, 'state.json')
    mkdirSync(join(here, '..'))
    writeFileSync(here, whole.subarray(0, length))
    copyFileSync(`${path}.bak`, `${here}.bak`)
    const store = openStore(here)
    expect([keys(store), store.isTrusted, store.warnings]).toEqual([
      ['one'],
      false,
      [expect.stringContaining('was set aside as'), expect.stringContaining('state.json.bak')],
    ])
    await store.saved()
    expect(openStore(here).isTrusted).toBe(true)
  }
})

test('cut off at every byte → the last state or the one before, never another', async () => {
  await saveOneThenTwo()
  const [whole, backup] = [readFileSync(path), readFileSync(`${path}.bak`)]
  const found = new Map<string, number>()
  for (let length = 0; length <= whole.length; length += 1) {
    writeFileSync(path, whole.subarray(0, length))
    writeFileSync(`${path}.bak`, backup)
    const state = keys(openStore(path)).join()
    found.set(state, (found.get(state) ?? 0) + 1)
    rmSync(`${path}.corrupt-1`, { force: true })
  }
  // Whole without its last newline, too.
  expect(Object.fromEntries(found)).toEqual({ one: whole.length - 1, 'one,two': 2 })
})

test('a state that an earlier lbm wrote in this format → all of it is read', () => {
  copyFileSync(join(import.meta.dirname, '../../fixtures/state/format-1.state'), path)
  const store = openStore(path)
  expect([store.isTrusted, store.warnings, store.allocateId()]).toEqual([true, [], 3])
  expect(store.apps().map(({ key, spec, slots }) => [key, spec.script, spec.mode, slots])).toEqual([
    [
      'many',
      '/srv/app/http.cjs',
      'cluster',
      [
        { id: 0, number: 0, desired: 'running' },
        { id: 1, number: 1, desired: 'running' },
      ],
    ],
    ['one', '/srv/app/worker.cjs', 'fork', [{ id: 2, number: 0, desired: 'stopped' }]],
  ])
})

test('both files are garbage → set aside, empty, told', () => {
  writeFileSync(path, 'garbage')
  writeFileSync(`${path}.bak`, '[]')
  writeFileSync(`${path}.corrupt-1`, 'an earlier one')
  const store = openStore(path)
  expect([keys(store), store.isTrusted]).toEqual([[], false])
  expect(store.warnings.join('\n')).toContain(`set aside as ${path}.corrupt-2`)
  expect(readFileSync(`${path}.corrupt-2`, 'utf8')).toBe('garbage')
  expect(readFileSync(`${path}.corrupt-1`, 'utf8')).toBe('an earlier one')
})

test('one app does not hold → the others are used, the file is set aside', async () => {
  await saveOneThenTwo()
  const text = readFileSync(path, 'utf8').replace('"name":"one"', '"name":7')
  writeFileSync(path, text)
  const store = openStore(path)
  expect([keys(store), store.isTrusted]).toEqual([['two'], false])
  expect(store.warnings[0]).toContain('apps[0] does not hold at spec.name')
  expect(readdirSync(folder)).toContain('state.json.corrupt-1')
})

test('an id that is there twice → the second app is left out', async () => {
  const store = openStore(path)
  store.put(one)
  store.put({ ...two, slots: one.slots })
  await store.saved()
  expect(keys(openStore(path))).toEqual(['one'])
})

test('a newer format → refused, left as it is', async () => {
  await saveOneThenTwo()
  const text = readFileSync(path, 'utf8').replace('"schema":1', '"schema":2')
  writeFileSync(path, text)
  expect(failureOf(() => openStore(path))).toMatchObject({
    code: 'STATE_UNREADABLE',
    message: expect.stringContaining('was written by a newer lbm') as string,
  })
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('a folder that cannot be written → rejected; saved with the next change', async () => {
  const store = openStore(join(folder, 'later', 'state.json'))
  store.put(one)
  await expect(store.saved()).rejects.toMatchObject({ code: 'OPERATION_FAILED' })
  mkdirSync(join(folder, 'later'))
  store.put(two)
  await store.saved()
  expect(keys(openStore(join(folder, 'later', 'state.json')))).toEqual(['one', 'two'])
})
