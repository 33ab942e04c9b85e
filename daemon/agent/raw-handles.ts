/**
 * Handles that the supervisor writes past Node's protocol for them. Node's reader would keep such a handle for the next
 * NODE_HANDLE message; so it is taken out before Node's reader sees the chunk that it came with.
 */

import { RAW_START } from '../../src/contract/agent.ts'

interface ChannelHandle {
  onread: (this: ChannelHandle, chunk: ArrayBuffer | undefined) => unknown
  /** Set for the one call of `onread` that a handle came with. */
  pendingHandle: object | null
  writeUtf8String(request: object, text: string): number
}

type Receive = (message: { act?: unknown }, handle: object) => void

export interface RawHandles {
  /** The handle of a message that came through Node's reader. */
  next(): object | undefined
  /** Writes past `process.send`. @returns false when that cannot be done (yet) */
  write(line: string): boolean
}

const NEWLINE = 10
const NODE_HANDLE = Buffer.from('"cmd":"NODE_HANDLE"')
const START = Buffer.from(RAW_START)

/** @returns undefined when this Node hides its channel */
export function takeRawHandles(receive: Receive): RawHandles | undefined {
  const channel = channelOfThisProcess()
  if (channel === undefined) return undefined
  const { onread } = channel
  const waiting: object[] = []
  let isLineStart = true

  channel.onread = function (chunk) {
    if (chunk === undefined) return onread.call(this, chunk)
    const bytes = Buffer.from(chunk)
    const handle = channel.pendingHandle
    if (handle !== null && bytes.indexOf(NODE_HANDLE) < 0) {
      channel.pendingHandle = null
      if (isLineStart && isOneRawLine(bytes)) {
        receive(JSON.parse(bytes.toString()) as { act?: unknown }, handle)
        return undefined
      }
      // Something else is in the same chunk: Node's reader sorts it out, and the message finds its handle here.
      waiting.push(handle)
    }
    isLineStart = bytes[bytes.length - 1] === NEWLINE
    return onread.call(this, chunk)
  }

  let Request: (new () => object) | undefined
  const { writeUtf8String } = channel
  channel.writeUtf8String = function (request, ...rest) {
    // Node's class of write requests, which it gives nobody: the first message of process.send shows it.
    Request = request.constructor as new () => object
    channel.writeUtf8String = writeUtf8String
    return writeUtf8String.call(this, request, ...rest)
  }

  return {
    next: () => waiting.shift(),
    write: (line) => Request !== undefined && channel.writeUtf8String(new Request(), line) === 0,
  }
}

function isOneRawLine(bytes: Buffer): boolean {
  return (
    bytes.indexOf(NEWLINE) === bytes.length - 1 && bytes.subarray(0, START.length).equals(START)
  )
}

function channelOfThisProcess(): ChannelHandle | undefined {
  const key = Object.getOwnPropertySymbols(process).find(
    ({ description }) => description === 'kChannelHandle',
  )
  const channel =
    key === undefined
      ? undefined
      : (process as unknown as Record<symbol, ChannelHandle | null>)[key]
  return typeof channel?.onread === 'function' && 'pendingHandle' in channel ? channel : undefined
}
