/** `--ci`: a command as a pipeline shows it, its log folded away and each error an annotation. */

import type { Cli } from './cli.ts'
import { currentFolder } from './current-folder.ts'
import { beginGroup, endGroup, errorAnnotation } from './output/annotations.ts'

/** Where a document is asked for, standard output is that document's alone. */
export async function runInPipeline(
  cli: Cli,
  words: readonly string[],
  run: () => Promise<number>,
): Promise<number> {
  const isFolded = !words.includes('--json')
  if (isFolded) beginGroup(cli.io, `lbm ${words.join(' ')}`)
  try {
    return await run()
  } catch (error) {
    cli.io.err(errorAnnotation(error, words, currentFolder()))
    throw error
  } finally {
    if (isFolded) endGroup(cli.io)
  }
}
