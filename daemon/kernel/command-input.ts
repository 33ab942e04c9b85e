/** The standard input of a process that a command started in advance: the command's words, then its end. */

import { createLineSplitter } from '../../src/contract/lines.ts'

export interface CommandInput {
  /** Resolves with undefined where the command ended without a word. */
  firstLine: Promise<string | undefined>
  /** Resolves when the command is gone, or needs nothing more. */
  ended: Promise<void>
}

export function readCommandInput(stdin: NodeJS.ReadStream): CommandInput {
  stdin.setEncoding('utf8')
  const ended = new Promise<void>((resolve) => {
    stdin.once('close', resolve)
    stdin.once('error', () => resolve())
  })
  const firstLine = new Promise<string | undefined>((resolve) => {
    const splitter = createLineSplitter(resolve)
    stdin.on('data', (text: string) => void splitter.push(text))
    void ended.then(() => resolve(undefined))
  })
  return { firstLine, ended }
}
