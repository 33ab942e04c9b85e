/** What an app prints, on its way into its log file. */

import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { RUN_FOLDER } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'
import { cpuSeconds, memoryOf } from '../measure/process-figures.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { FIXTURES } from '../subjects/fixtures.ts'
import { startBare } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'
import type { Manager } from '../subjects/subject.ts'

const LINES = 200_000
const SCRIPT = join(FIXTURES, 'lines.cjs')

interface Paths {
  folder: string
  log: string
  done: string
}

export const logs: Part = {
  name: 'logs',
  about: `${LINES.toLocaleString('en')} lines at once, and 10 MB/s, against a file as standard output`,
  async run(bench) {
    await compare(bench, bench.rounds(4), { LINES: String(LINES) }, (all) => {
      bench.add({
        what: 'until the last line is taken',
        unit: 'ms',
        floor: 'redirected to a file',
        samples: samplesOf(all, 'ms'),
        budget: { of: 'ratio', atMost: 1.3 },
      })
      bench.add({
        what: 'CPU in the process manager',
        unit: 's',
        samples: samplesOf(all, 'cpu'),
        budget: { of: 'value', atMost: 0.5 },
      })
      bench.add({
        what: 'lines lost',
        unit: '',
        samples: samplesOf(all, 'lost'),
        budget: { of: 'sum', atMost: 0 },
      })
    })
    // 90 MB: lbm keeps 100 of each log, and deletes what is older.
    const seconds = bench.seconds(9)
    bench.say(`10 MB/s for ${seconds} s`)
    await compare(bench, bench.rounds(1), { SECONDS: String(seconds) }, (all) => {
      bench.add({
        what: '10 MB/s: % of a core in the process manager',
        unit: '%',
        samples: samplesOf(all, 'corePercent'),
      })
      bench.add({
        what: '10 MB/s: memory grown by',
        unit: 'MB',
        samples: samplesOf(all, 'grownMb'),
      })
      bench.add({
        what: '10 MB/s: lines lost',
        unit: '',
        samples: samplesOf(all, 'lost'),
        budget: { of: 'sum', atMost: 0 },
      })
    })
  },
}

async function compare(
  bench: Bench,
  rounds: number,
  env: Record<string, string>,
  add: (all: Awaited<ReturnType<typeof inTurns>>) => void,
): Promise<void> {
  const under = (newManager: () => Manager) => async (): Promise<Figures> => {
    await using manager = newManager()
    return await logged(manager, env)
  }
  add(
    await inTurns(rounds, {
      floor: () => redirected(env),
      lbm: under(newLbm),
      pm2: bench.newPm2 && under(bench.newPm2),
    }),
  )
}

function newPaths(): Paths {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'logs-'))
  return { folder, log: join(folder, 'out.log'), done: join(folder, 'done.json') }
}

async function redirected(env: Record<string, string>): Promise<Figures> {
  const { log, done } = newPaths()
  const fd = openSync(log, 'w')
  await using _program = startBare([SCRIPT], { ...env, DONE: done }, fd)
  closeSync(fd)
  return { ms: (await finished(done)).ms }
}

async function logged(manager: Manager, env: Record<string, string>): Promise<Figures> {
  const paths = newPaths()
  const quiet = { script: SCRIPT, name: 'quiet', port: 0, args: ['-o', '/dev/null'] }
  // Whoever hosts the next one is there already, and at rest.
  await manager.start({ ...quiet, env: { LINES: '1', DONE: join(paths.folder, 'quiet.json') } })
  const pids = manager.ownPids()
  const before = { cpu: cpuSeconds(pids), mb: privateMb(pids) }
  await manager.start({
    ...quiet,
    name: 'app',
    env: { ...env, DONE: paths.done },
    args: ['-o', paths.log],
  })
  const { ms, lines } = await finished(paths.done)
  const kept = await settledCount(paths.log, lines)
  const cpu = cpuSeconds(pids) - before.cpu
  return {
    ms,
    cpu,
    corePercent: (cpu / (ms / 1000)) * 100,
    grownMb: privateMb(pids) - before.mb,
    lost: lines - kept,
  }
}

function privateMb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + memoryOf(pid).privateMb, 0)
}

async function finished(done: string): Promise<{ ms: number; lines: number }> {
  await until(() => existsSync(done) || undefined, 120_000)
  return JSON.parse(readFileSync(done, 'utf8')) as { ms: number; lines: number }
}

/** Lines in the file and those that were rotated away, once they are all there or nothing more comes. */
async function settledCount(log: string, wanted: number): Promise<number> {
  let kept = 0
  await until(() => {
    kept = countLines(log)
    return kept >= wanted || undefined
  }, 10_000).catch(() => undefined)
  return kept
}

function countLines(log: string): number {
  let lines = 0
  for (const name of readdirSync(dirname(log))) {
    if (!name.includes('out')) continue
    const bytes = readFileSync(join(dirname(log), name))
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1
  }
  return lines
}
