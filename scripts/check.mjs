// Runs every check but those named by the arguments, several at a time, and shows the output of those that failed.
import { exec } from 'node:child_process'
import { availableParallelism } from 'node:os'

const SCRIPTS = [
  'check:types',
  'check:lint',
  'check:arrows',
  'check:dead',
  'check:format',
  'check:package',
  'test:unit',
]

const leftOut = new Set(process.argv.slice(2))
const scripts = SCRIPTS.filter((script) => !leftOut.has(script))
const waiting = [...scripts]
let failures = 0

async function runNext() {
  const script = waiting.shift()
  if (!script) return
  const startMs = performance.now()
  const { ok, output } = await runScript(script)
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${script} (${seconds} s)`)
  if (!ok) {
    failures += 1
    console.log(output)
  }
  await runNext()
}

function runScript(script) {
  return new Promise((resolve) => {
    const limits = { maxBuffer: 64 * 2 ** 20 }
    exec(`npm run --silent ${script}`, limits, (error, stdout, stderr) => {
      resolve({ ok: !error, output: stdout + stderr })
    })
  })
}

await Promise.all(Array.from({ length: availableParallelism() }, runNext))
if (failures > 0) {
  console.log(`check: ${failures} of ${scripts.length} failed`)
  process.exitCode = 1
}
