// What lbm's log pipeline costs, against the same program with its output redirected to a file. Taken in turns.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { buildSync } from 'esbuild'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LINES = 200_000
const ROUNDS = 5
const STEADY_SECONDS = 15
const BLOCKING = 'process.stdout._handle?.setBlocking?.(true);'
const FLOOD = `${BLOCKING} for (let i = 0; i < ${LINES}; i++) console.log(i + " " + "x".repeat(80))`
/** 10 MB/s in lines of 100 bytes. */
const STEADY = `${BLOCKING} const line = "x".repeat(99) + "\\n", from = performance.now(); let sent = 0
  const timer = setInterval(() => {
    const ms = performance.now() - from
    while (sent < ms * 100) { process.stdout.write(line); sent++ }
    if (ms > ${STEADY_SECONDS * 1000}) clearInterval(timer)
  }, 1)`

export async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'lbm-bench-'))
  try {
    const pipeline = await loadPipeline(folder)
    const redirect = []
    const lbm = []
    for (let round = 0; round < ROUNDS; round += 1) {
      redirect.push(await redirected(folder))
      lbm.push(await logged(pipeline, folder, FLOOD))
    }
    const ratio = median(lbm.map(({ ms }) => ms)) / median(redirect)
    console.log(
      `${LINES} lines: ${ratio.toFixed(2)} × a redirect, ${median(lbm.map(({ cpuMs }) => cpuMs)).toFixed(0)} ms of CPU in lbm`,
    )

    const steady = await logged(pipeline, folder, STEADY)
    const coreRatio = steady.cpuMs / steady.ms
    console.log(
      `10 MB/s for ${STEADY_SECONDS} s: ${(coreRatio * 100).toFixed(1)} % of a core, ${(steady.grownBytes / 1e6).toFixed(1)} MB grown`,
    )
    return {
      ratio,
      cpuMs: median(lbm.map(({ cpuMs }) => cpuMs)),
      coreRatio,
      grownBytes: steady.grownBytes,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function loadPipeline(folder) {
  const outfile = join(folder, 'pipeline.mjs')
  const logs = './daemon/supervisor/logs'
  buildSync({
    stdin: {
      contents: `export * from '${logs}/log-sink.ts'
        export * from '${logs}/log-pipe.ts'
        export * from '${logs}/log-files-registry.ts'
        export * from './daemon/kernel/clock.ts'`,
      resolveDir: ROOT,
    },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
  })
  return await import(pathToFileURL(outfile))
}

async function redirected(folder) {
  const fd = openSync(join(folder, 'redirected.log'), 'w')
  const from = performance.now()
  const child = spawn(process.execPath, ['-e', FLOOD], { stdio: ['ignore', fd, 'inherit'] })
  closeSync(fd)
  await once(child, 'exit')
  return performance.now() - from
}

async function logged(
  { openLogSink, createLogPipes, createLogFilesRegistry, systemClock },
  folder,
  code,
) {
  const clock = systemClock()
  const pipes = createLogPipes(join(folder, 'pipes'))
  const registry = createLogFilesRegistry({ clock })
  const sink = openLogSink({
    appName: 'bench',
    spec: {
      merge: false,
      type: 'raw',
      disabled: false,
      maxSizeBytes: 10 * 1024 * 1024,
      maxFiles: 10,
      compress: false,
    },
    files: { out: join(folder, 'out.log'), error: join(folder, 'error.log') },
    registry,
    clock,
    onDropped: console.warn,
  })
  const out = pipes.open()
  const [before, rss, from] = [process.cpuUsage(), process.memoryUsage.rss(), performance.now()]
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', out.writeFd, 'inherit'] })
  out.spawned()
  const stream = sink.attach(out, 'out', { id: 0, pid: child.pid })
  await stream.ended
  const ms = performance.now() - from
  const { user, system } = process.cpuUsage(before)
  const grownBytes = process.memoryUsage.rss() - rss
  await sink[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
  pipes[Symbol.dispose]()
  return { ms, cpuMs: (user + system) / 1000, grownBytes }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await run()
