/** What a command sees of the process it runs in; tests hand in another. */

import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

import type { Palette } from './output/palette.ts'
import { plainPalette } from './output/palette.ts'

export interface Io {
  /** Adds the newline. */
  out(line: string): void
  err(line: string): void
  /** No newline added. */
  write(text: string): void
  env: NodeJS.ProcessEnv
  isTerminal: boolean
  /** Width to fit; undefined: as wide as it gets. */
  columns: number | undefined
  colour: boolean
}

/** `process.stdout` is made on first use: setting up its stream costs as much as the rest of `lbm -v`. */
export function processIo(args: readonly string[]): Io {
  const { env } = process
  const isTerminal = isatty(1)
  const write = (fd: 1 | 2, text: string): void => {
    if (text !== '') writeAll(fd, text)
  }
  return {
    out: (line) => write(1, `${line}\n`),
    err: (line) => write(2, `${line}\n`),
    write: (text) => write(1, text),
    env,
    isTerminal,
    columns: isTerminal ? process.stdout.columns : undefined,
    colour: wantsColour(args, env, isTerminal),
  }
}

/** The palette that fits; chalk is loaded only where there is colour. */
export async function paletteFor(io: Io): Promise<Palette> {
  return io.colour ? (await import('./output/chalk-palette.ts')).chalkPalette : plainPalette
}

/** `--no-color` and NO_COLOR win over FORCE_COLOR, that over the terminal. */
export function wantsColour(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  isTerminal: boolean,
): boolean {
  if (args.includes('--no-color') || (env['NO_COLOR'] ?? '') !== '') return false
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return isTerminal && env['TERM'] !== 'dumb'
}

/** Synchronous, so that nothing is lost when the process ends; a full pipe that does not block is waited for. */
function writeAll(fd: 1 | 2, text: string): void {
  let rest = Buffer.from(text)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') process.exit() // whoever read has seen enough (`lbm list | head -1`)
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
