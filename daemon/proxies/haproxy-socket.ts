/** HAProxy's command sockets: that of the running worker, and that of the master. One connection a command. */

import { connect } from 'node:net'

import { LbmError } from '../../src/contract/errors.ts'

const TIMEOUT_MS = 3000
/** Each answer ends with an empty line. */
const END = '\n\n'
const QUIET_MS = 200
const SILENCE_MS = 1000
const MAX_ANSWER_CHARS = 8 * 1024 * 1024

/** A master that reloads may say how that went (2.7 and later), say nothing, or be gone. */
export async function askForReload(master: string): Promise<string> {
  return ask(master, 'reload', { silence: 'is an answer' })
}

/**
 * @param commands several in one go are answered together
 * @throws LbmError OPERATION_FAILED when nobody answers
 */
export function askHaproxy(path: string, ...commands: string[]): Promise<string> {
  return ask(path, commands.join(';'), { silence: 'is an error' })
}

function ask(
  path: string,
  command: string,
  { silence }: { silence: 'is an answer' | 'is an error' },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let answer = ''
    const fail = (why: string): void => {
      socket.destroy()
      reject(new LbmError('OPERATION_FAILED', `HAProxy does not answer at ${path}: ${why}`))
    }
    const done = (): void => {
      socket.destroy()
      resolve(answer)
    }
    const giveUp = (): void =>
      silence === 'is an answer' ? done() : fail(`nothing within ${TIMEOUT_MS} ms`)
    socket.setTimeout(silence === 'is an answer' ? SILENCE_MS : TIMEOUT_MS)
    socket.on('timeout', () => (answer.endsWith(END) ? done() : giveUp()))
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > MAX_ANSWER_CHARS) fail('the answer is too long')
      // A master whose last reload failed answers, but does not close.
      socket.setTimeout(answer.endsWith(END) ? QUIET_MS : TIMEOUT_MS)
    })
    // A master resets the connection when it reloads.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? done() : fail(error.message),
    )
    socket.on('end', done)
    socket.write(`${command}\n`)
  })
}
