/** Entry of dist/cli.cjs. */

import { processIo } from './io.ts'
import { runCli } from './run.ts'

const args = process.argv.slice(2)
void runCli(args, processIo(args)).then((code) => {
  process.exitCode = code
})
