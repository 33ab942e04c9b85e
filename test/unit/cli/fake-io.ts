import type { Io } from '../../../src/cli/io.ts'
import { runCli } from '../../../src/cli/run.ts'

export interface FakeIo extends Io {
  stdout: () => string
  stderr: () => string
}

export function fakeIo(given: Partial<Io> = {}): FakeIo {
  let out = ''
  let err = ''
  return {
    out: (line) => void (out += `${line}\n`),
    err: (line) => void (err += `${line}\n`),
    write: (text) => void (out += text),
    env: {},
    isTerminal: false,
    columns: undefined,
    colour: false,
    stdout: () => out,
    stderr: () => err,
    ...given,
  }
}

export interface CliRun {
  exitCode: number
  stdout: string
  stderr: string
}

/** Runs the command line in this process against a home. */
export async function runIn(home: string, ...args: string[]): Promise<CliRun> {
  const io = fakeIo({ env: { ...process.env, LBM_HOME: home } })
  const exitCode = await runCli(args, io)
  return { exitCode, stdout: io.stdout(), stderr: io.stderr() }
}
