/** Remembers with what an app last ran well, over the lives of supervisors, and compares after a death. */

import { readFileSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { AppSpec } from '../../../../src/contract/app.ts'
import type { Monotonic } from '../../../../src/contract/units.ts'
import { after, type Clock } from '../../../kernel/clock.ts'
import { changesBetween, type Fingerprint, takeFingerprint } from './fingerprint.ts'

export interface WellRunsOptions {
  /** Folder of one small file an app. */
  dir: string
  app: string
  clock: Clock
  random: () => number
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface WellRuns {
  /** An instance is ready. Unless that is revoked, it runs well when it has been so for long enough. */
  ready(spec: AppSpec): Disposable
  /** @returns undefined when it never ran well, or as it does now */
  changesSince(spec: AppSpec): Promise<string[] | undefined>
  /** The app is gone for good. */
  forget(): Promise<void>
}

/** What has changed since the last good run must prove itself for longer, or a crash soon after a release would find nothing changed. */
const CHANGED_PROOF_MS = 60_000
const FRESH_MS = 5000

export function createWellRuns({ dir, app, clock, random, log }: WellRunsOptions): WellRuns {
  // The name of an app may hold anything.
  const path = join(dir, `${encodeURIComponent(app)}.json`)
  let known: Fingerprint | undefined | 'unread' = 'unread'
  let looks: Promise<unknown> = Promise.resolve()
  let looked: { spec: AppSpec; atMs: Monotonic } | undefined

  function last(): Fingerprint | undefined {
    if (known === 'unread') known = readFingerprint(path)
    return known
  }

  async function record(spec: AppSpec): Promise<void> {
    const salt = random().toString(36).slice(2, 8)
    const fingerprint = await takeFingerprint(spec, salt)
    known = fingerprint
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      await writeFile(`${path}.new`, JSON.stringify(fingerprint), { mode: 0o600 })
      await rename(`${path}.new`, path)
    } catch (error) {
      log('well-run.not-written', { app, message: (error as Error).message })
    }
  }

  async function changesSince(spec: AppSpec): Promise<string[] | undefined> {
    const before = last()
    if (before === undefined) return undefined
    const changes = changesBetween(before, await takeFingerprint(spec, before.salt))
    return changes.length === 0 ? undefined : changes
  }

  /** Another instance of the same definition was looked at a moment ago. */
  function isFresh(spec: AppSpec): boolean {
    const isSo = looked?.spec === spec && clock.now() - looked.atMs < FRESH_MS
    if (!isSo) looked = { spec, atMs: clock.now() }
    return isSo
  }

  return {
    changesSince,
    ready(spec) {
      let isOver = false
      let timer: Disposable | undefined
      const prove = (ms: number, proven: () => Promise<void>): void => {
        timer = clock.at(after(clock.now(), ms), () => {
          // One after another: instances become ready together, and the first look does for all.
          looks = looks.then(() => (isOver ? undefined : proven()))
        })
      }
      prove(spec.minUptimeMs, async () => {
        if (isFresh(spec)) return
        if (last() === undefined) await record(spec)
        else if ((await changesSince(spec)) !== undefined && !isOver)
          prove(CHANGED_PROOF_MS, () => record(spec))
      })
      return {
        [Symbol.dispose]() {
          isOver = true
          timer?.[Symbol.dispose]()
        },
      }
    },
    async forget() {
      known = undefined
      await rm(path, { force: true })
    },
  }
}

function readFingerprint(path: string): Fingerprint | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Fingerprint
  } catch {
    return undefined // none yet, or cut off by a power cut
  }
}
