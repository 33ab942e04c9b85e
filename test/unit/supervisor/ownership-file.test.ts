import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { type OwnedInstance, ownershipFile } from '../../../daemon/supervisor/ownership-file.ts'
import { fakeClock } from '../../helpers/fake-clock.ts'

const owned = (...pids: number[]): OwnedInstance[] =>
  pids.map((pid) => ({ app: 'app', id: 0, pid, pidStart: 1, restarts: 0, unstableRestarts: 0 }))

function world() {
  const folder = mkdtempSync(join(tmpdir(), 'ownership-'))
  const path = join(folder, 'app.json')
  const clock = fakeClock()
  const file = ownershipFile(path, {
    id: 'app',
    pid: 1,
    pidStart: 1,
    version: 'test',
    clock,
    onFailed: (message) => expect(message).toBe(''),
  })
  return {
    file,
    clock,
    pids: (): number[] =>
      (JSON.parse(readFileSync(path, 'utf8')) as { instances: OwnedInstance[] }).instances.map(
        ({ pid }) => pid,
      ),
    [Symbol.dispose]() {
      file[Symbol.dispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

const endOfTurn = (): Promise<void> => Promise.resolve()

test('a process that is new is on record within the turn, one that is gone a moment later', async () => {
  using at = world()
  at.file.update(owned(10))
  at.file.update(owned(10, 11))
  await endOfTurn()
  expect(at.pids()).toEqual([10, 11])
  at.file.update(owned(11))
  expect(at.pids()).toEqual([10, 11])
  await at.clock.advance(50)
  expect(at.pids()).toEqual([11])
})

test('a new one does not wait for what is to be written a moment later', async () => {
  using at = world()
  at.file.update(owned(10, 11))
  await endOfTurn()
  at.file.update(owned(11))
  at.file.update(owned(11, 12))
  await endOfTurn()
  expect(at.pids()).toEqual([11, 12])
  at.file.update([])
  expect(at.pids()).toEqual([])
})
