/** What lbm needs of a proxy that runs: one adapter a kind. */

import type { ProxyKind } from '../../src/contract/proxy.ts'
import type { Version } from './version.ts'

export interface Judgement {
  ok: boolean
  /** What the program said. */
  output: string
}

/** The program on this host, and the process that runs it. */
export interface ProxyProgram {
  readonly kind: ProxyKind
  /** @throws LbmError UNSUPPORTED when it is not installed */
  version(): Promise<Version>
  /** Lets the real program judge what is in `file`, in its place. */
  judge(file: string): Promise<Judgement>
  /** The same of a file that is nowhere yet. @param folder for what the judgement needs beside it */
  judgeAlone(file: string, folder: string): Promise<Judgement>
  /** Asks the running process for its newest configuration. @throws LbmError OPERATION_FAILED when it does not run */
  reload(): Promise<void>
  /** Of the configuration that serves; undefined when nobody answers. */
  serving(): Promise<string | undefined>
  /** True once it is certain that the reload which began at `sinceMs` came to nothing. */
  hasRefused(sinceMs: number): Promise<boolean>
  /** What it wrote of its troubles since `sinceMs`, as far as that can be read. */
  complaints(sinceMs: number): Promise<string[]>
}
