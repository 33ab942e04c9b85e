/** How an error looks to the person who typed the command. */

import { isAsPm2 } from '../../client/as-pm2.ts'
import { exitCodeOf, isLbmError } from '../../contract/errors.ts'
import type { Io } from '../io.ts'
import { pm2Sentence } from './pm2-sentence.ts'

/** Prints the sentence and what to type next, never a stack trace unless LBM_DEBUG asks. @returns the exit code */
export function reportError(io: Io, error: unknown): number {
  const isPm2 = isAsPm2(io.env)
  const name = redWord(io, isPm2 ? '[PM2][ERROR]' : 'lbm:')
  if (isLbmError(error)) {
    io.err(`${name} ${(isPm2 && pm2Sentence(error)) || error.message}`)
    if (error.hint !== undefined) io.err(`  hint: ${error.hint}`)
    if (io.env['LBM_DEBUG']) io.err(String(error.stack))
    // PM2 knows no other failure than 1.
    return isPm2 ? 1 : exitCodeOf(error.code)
  }
  const text = error instanceof Error ? error.message : String(error)
  io.err(`${name} this is a bug in lbm: ${text}`)
  io.err('  hint: set LBM_DEBUG=1 to see where, and report it')
  if (io.env['LBM_DEBUG'] && error instanceof Error) io.err(String(error.stack))
  return 1
}

/** By hand: an error must be printable whatever else failed to load. */
function redWord({ colour }: Io, word: string): string {
  return colour ? `\u001b[31m${word}\u001b[39m` : word
}
