/** Runs the parts that are asked for, prints one table, writes one file, and leaves nothing running. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import packageJson from '../../package.json' with { type: 'json' }
import { DIST } from '../helpers/dist.ts'
import { processesOf } from '../helpers/processes.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'
import { hasWrk } from './measure/load.ts'
import { markdown, type RunResult } from './measure/markdown.ts'
import { judge, type Judged, table } from './measure/report.ts'
import type { Bench, Part } from './part.ts'
import { PARTS } from './parts/parts.ts'
import { installPm2, newPm2 } from './subjects/pm2.ts'

const OPTIONS = {
  repeats: { type: 'string' },
  quick: { type: 'boolean', default: false },
  'no-pm2': { type: 'boolean', default: false },
  out: { type: 'string' },
  show: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

const HELP = `npm run bench [-- part … [options]]
Measures lbm, PM2 and what Node does by itself, in turns. Without a part: all of them.

${PARTS.map(({ name, about }) => `  ${name.padEnd(14)}${about}`).join('\n')}

  --repeats <n>   so many rounds of each measurement, where the part has a number of its own
  --quick         few and short rounds: does it work at all? The figures are noise
  --no-pm2        without PM2
  --out <file>    where the JSON goes (default: test/bench/results/<time>.json)
  --show <files>  measures nothing: prints the results in such files as Markdown, beside each other`

/** @returns the exit code */
export async function bench(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  if (values.show) {
    console.log(
      markdown(positionals.map((file) => JSON.parse(readFileSync(file, 'utf8')) as RunResult)),
    )
    return 0
  }
  const parts = chooseParts(positionals)
  if (parts === undefined) return 2

  const folder = mkdtempSync(join(tmpdir(), 'lb-'))
  process.env[RUN_FOLDER] = folder
  // A file of certificates that each Node reads at its start would be part of every figure.
  delete process.env['NODE_EXTRA_CA_CERTS']
  const interrupt = (signal: NodeJS.Signals): void => {
    endAll(folder)
    if (rows.length > 0) console.log(table(rows))
    process.kill(process.pid, signal)
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)

  const rows: Judged[] = []
  const startedAt = new Date()
  let failures = 0
  const noPm2 = values['no-pm2'] ? 'not wanted' : installPm2(say)
  if (noPm2 !== undefined) say(`no PM2 in this run: ${noPm2}`)
  if (!hasWrk)
    say('no wrk here: the load comes from our own client, which is slower (apt-get install wrk)')
  if ((loadavg()[0] ?? 0) > 1)
    say(`load average ${loadavg()[0]?.toFixed(1)}: something else runs here, the figures are noise`)
  try {
    for (const part of parts) {
      say(`— ${part.name}: ${part.about}`)
      try {
        await part.run(benchFor(part, rows, values, noPm2 === undefined))
      } catch (error) {
        failures += 1
        say(`${part.name} failed: ${error instanceof Error ? error.stack : String(error)}`)
      }
    }
  } finally {
    for (const left of endAll(folder)) {
      failures += 1
      say(`was left running: ${left}`)
    }
  }
  if (rows.length === 0) return 1
  console.log(table(rows))
  const file = values.out ?? join(DIST, `../test/bench/results/${startedAt.toISOString()}.json`)
  mkdirSync(join(file, '..'), { recursive: true })
  const machine = {
    node: process.version,
    lbm: packageJson.version,
    pm2: noPm2 === undefined ? '7.0.4' : null,
    wrk: hasWrk,
    kernel: release(),
    cpu: cpus()[0]?.model.trim(),
    cores: availableParallelism(),
  }
  writeFileSync(file, `${JSON.stringify({ startedAt, machine, rows }, null, 2)}\n`)
  say(`written to ${file}`)
  return failures > 0 ? 1 : 0
}

function chooseParts(names: readonly string[]): Part[] | undefined {
  const unknown = names.filter((name) => !PARTS.some((part) => part.name === name))
  if (unknown.length > 0) {
    console.error(
      `bench: no part called ${unknown.join(', ')}; there is: ${PARTS.map(({ name }) => name).join(', ')}`,
    )
    return undefined
  }
  return names.length === 0 ? [...PARTS] : PARTS.filter(({ name }) => names.includes(name))
}

function benchFor(
  { name }: Part,
  rows: Judged[],
  { repeats, quick }: { repeats?: string; quick: boolean },
  hasPm2: boolean,
): Bench {
  return {
    rounds: (usual) =>
      repeats === undefined ? (quick ? Math.min(2, usual) : usual) : Number(repeats),
    seconds: (usual) => (quick ? Math.min(1, usual) : usual),
    say,
    add: (row) => void rows.push(judge({ part: name, ...row })),
    newPm2: hasPm2 ? newPm2 : undefined,
  }
}

/** Whatever a part has left, since it failed or was interrupted. */
function endAll(folder: string): string[] {
  const ended = new Map<number, string>()
  // One that is asked for its death a moment too late may have started another.
  for (let left = processesOf(folder); left.length > 0; left = processesOf(folder)) {
    for (const { pid, command } of left) {
      ended.set(pid, command)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended by itself in the meantime.
      }
    }
  }
  rmSync(folder, { recursive: true, force: true })
  return [...ended].map(([pid, command]) => `${pid} ${command}`)
}

function say(text: string): void {
  const time = new Date().toTimeString().slice(0, 8)
  process.stderr.write(`${time} ${text}\n`)
}
