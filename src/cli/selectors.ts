/** What the words after a command mean: ecosystem files, or selectors that the daemon resolves. */

import { isConfigFileName } from '../config/config-file-name.ts'
import { LbmError } from '../contract/errors.ts'
import type { Cli } from './cli.ts'
import { fetchViews } from './commands/list.ts'
import type { FileOptions } from './load-apps.ts'

export interface Words {
  /** `-` is JSON on stdin. */
  files: string[]
  names: string[]
}

export function sortWords(words: readonly string[]): Words {
  const isFile = (word: string): boolean => word === '-' || isConfigFileName(word)
  return { files: words.filter(isFile), names: words.filter((word) => !isFile(word)) }
}

/**
 * Names in place of files: of those apps that are there.
 * @throws LbmError APP_NOT_FOUND when none of a file's apps is there, and as the loading of a file does
 */
export async function expandSelectors(
  cli: Cli,
  words: readonly string[],
  selection: FileOptions = {},
): Promise<string[]> {
  const { files, names } = sortWords(words)
  if (files.length === 0) return names
  const { loadNames } = await import('./load-apps.ts')
  const known = new Set((await fetchViews(cli)).map(({ name }) => name))
  const expanded = [...names]
  for (const file of files) {
    const inFile = await loadNames(file, selection)
    const there = inFile.filter((name) => known.has(name))
    if (there.length === 0) throw noneThere(file, inFile)
    expanded.push(...there)
  }
  return expanded
}

function noneThere(file: string, names: readonly string[]): LbmError {
  return new LbmError(
    'APP_NOT_FOUND',
    `None of the apps in ${file} is there: ${names.join(', ')}.`,
    {
      hint: `to start them: lbm start ${file}`,
    },
  )
}
