/** The whole command tree; loaded for whatever `run.ts` does not answer by itself. */

import { Command } from 'commander'

import type { Cli } from './cli.ts'
import { addJlist } from './commands/jlist.ts'
import { addList } from './commands/list.ts'
import { addPid } from './commands/pid.ts'
import { addPing } from './commands/ping.ts'

export async function runProgram(cli: Cli, own: readonly string[]): Promise<number> {
  const program = new Command('lbm')
  for (const add of [addList, addJlist, addPing, addPid]) add(program, cli)
  await program.parseAsync(own, { from: 'user' })
  return 0
}
