/** The app that prints numbered lines, and what became of them. */

import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'

import type { Cli } from './cli.ts'
import { FIXTURES } from './dist.ts'
import { until } from './until.ts'

/** What one process of the app tells at its end. */
export interface Told {
  pid: number
  lines: number
  worstMs: number
}

export interface Flood {
  /** Its log. */
  log: string
  /** Ends it. @returns what each of its processes told */
  stop(): Promise<Told[]>
}

/** Starts it under the built `lbm` with these keys of an ecosystem file. */
export async function startFlood(
  cli: Cli,
  { env, ...keys }: Record<string, unknown> & { env?: Record<string, string> } = {},
): Promise<Flood> {
  const folder = mkdtempSync(join(cli.home.root, 'flood-'))
  const log = (keys['out_file'] as string | undefined) ?? join(folder, 'out')
  const file = join(folder, 'ecosystem.json')
  const app = {
    name: 'flood',
    script: join(FIXTURES, 'flood.cjs'),
    out_file: log,
    env: { DONE: join(folder, 'done'), ...env },
    ...keys,
  }
  writeFileSync(file, JSON.stringify({ apps: [app] }))
  await cli.ok('start', file)
  return {
    log,
    async stop() {
      await cli.ok('stop', 'flood')
      return readdirSync(folder)
        .filter((name) => name.startsWith('done-'))
        .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Told)
    },
  }
}

/** Rotated files, oldest first, then the current one; once all but the newest are packed where they are to be. */
export async function logFiles(log: string, isPacked = false): Promise<string[]> {
  const numberOf = (name: string): number => Number(/\.(\d+)(?:\.gz)?$/.exec(name)?.[1] ?? 0)
  const all = (): string[] =>
    readdirSync(dirname(log)).filter(
      (name) => name === basename(log) || name.startsWith(`${basename(log)}.`),
    )
  if (isPacked)
    await until(
      () => all().every((name) => numberOf(name) < 2 || name.endsWith('.gz')) || undefined,
    )
  return all()
    .toSorted((a, b) => numberOf(b) - numberOf(a))
    .map((name) => join(dirname(log), name))
}

export function readLog(file: string): string {
  const bytes = readFileSync(file)
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
}

const LINE = /^(\d+) (\d+) x+$/
const LINE_CHARS = 99

export interface Seen {
  /** Numbers in their order, by pid. */
  numbers: Map<number, number[]>
  /** lbm's own words, with how many lines were seen before. */
  notes: { text: string; after: number }[]
  torn: string[]
}

export function linesSeen(text: string): Seen {
  const seen: Seen = { numbers: new Map(), notes: [], torn: [] }
  let count = 0
  for (const line of text.split('\n').slice(0, -1)) {
    const [, pid, number] = line.length === LINE_CHARS ? (LINE.exec(line) ?? []) : []
    if (pid !== undefined) {
      const own = seen.numbers.get(Number(pid)) ?? []
      seen.numbers.set(Number(pid), own)
      own.push(Number(number))
      count += 1
    } else if (line.startsWith('[lbm] ')) seen.notes.push({ text: line, after: count })
    else seen.torn.push(line)
  }
  return seen
}

/** Places at which the next number is not the one after. */
export function gapsIn(numbers: readonly number[]): { at: number; missing: number }[] {
  return numbers.flatMap((number, at) => {
    const expected = at === 0 ? number : (numbers[at - 1] ?? 0) + 1
    return number === expected ? [] : [{ at, missing: number - expected }]
  })
}

export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
