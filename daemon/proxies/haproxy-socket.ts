/** HAProxy's command sockets: that of the running worker, and that of the master. One connection a command. */

import { connect } from 'node:net'

import { LbmError } from '../../src/contract/errors.ts'

const TIMEOUT_MS = 3000
const MAX_ANSWER_CHARS = 8 * 1024 * 1024

/**
 * @param commands several in one go are answered together
 * @throws LbmError OPERATION_FAILED when nobody answers
 */
export function askHaproxy(path: string, ...commands: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let answer = ''
    const fail = (why: string): void => {
      socket.destroy()
      reject(new LbmError('OPERATION_FAILED', `HAProxy does not answer at ${path}: ${why}`))
    }
    socket.setTimeout(TIMEOUT_MS, () => fail(`nothing within ${TIMEOUT_MS} ms`))
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > MAX_ANSWER_CHARS) fail('the answer is too long')
    })
    socket.on('error', (error) => fail(error.message))
    socket.on('end', () => {
      socket.destroy()
      resolve(answer)
    })
    socket.write(`${commands.join(';')}\n`)
  })
}
