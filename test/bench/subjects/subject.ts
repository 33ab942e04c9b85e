import type { Run } from '../../helpers/cli.ts'

export interface AppToStart {
  script: string
  name: string
  port: number
  /** So many as a cluster; in fork mode when it is not given. */
  instances?: number
  env?: Record<string, string>
  /** More words on the command line, where the subject has one. */
  args?: string[]
}

/** A process manager in a home of its own, that is ended with all it runs. */
export interface Manager extends AsyncDisposable {
  /** Runs a command; fails unless it exits 0. */
  run(...words: string[]): Promise<Run>
  /** The command and its environment, for who measures it himself. */
  command(...words: string[]): { file: string; args: string[]; env: NodeJS.ProcessEnv }
  start(app: AppToStart): Promise<Run>
  /** Its own processes, not the apps'. */
  ownPids(): number[]
  daemonPid(): number
}
