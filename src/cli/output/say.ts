/** The lines that tell what a command does: on stdout with a prefix, as PM2 has them; `--silent` takes them away. */

import { isAsPm2 } from '../../client/as-pm2.ts'
import type { Cli } from '../cli.ts'
import { paletteFor } from '../io.ts'

export interface Say {
  /** Lines as PM2 writes them, for scripts that look for them. */
  asPm2: boolean
  info(text: string): void
  /** On stderr, so that it is seen when stdout goes to a program. */
  warn(text: string): void
}

export async function sayFor(cli: Cli): Promise<Say> {
  const asPm2 = isAsPm2(cli.io.env)
  if (cli.silent) return { asPm2, info: () => undefined, warn: () => undefined }
  const { green, yellow } = await paletteFor(cli.io)
  const annotations = cli.pipeline && (await import('./annotations.ts'))
  const name = asPm2 ? 'PM2' : 'lbm'
  return {
    asPm2,
    info: (text) => cli.io.out(`${green(`[${name}]`)} ${text}`),
    warn: (text) =>
      cli.io.err(annotations?.warningAnnotation(text) ?? `${yellow(`[${name}][WARN]`)} ${text}`),
  }
}
