import { spawnSync } from 'node:child_process'

export interface Command {
  file: string
  args: string[]
  env?: NodeJS.ProcessEnv
}

/** From the spawn to the exit, with nothing else going on in this process. */
export function timeCommand({ file, args, env = process.env }: Command): { ms: number } {
  const started = performance.now()
  const { status, error } = spawnSync(file, args, { env, stdio: 'ignore' })
  const ms = performance.now() - started
  if (error !== undefined || status !== 0)
    throw new Error(`${args.join(' ')} exited ${error?.message ?? status}`)
  return { ms }
}

export const NODE_ALONE: Command = { file: process.execPath, args: ['-e', '0'] }
