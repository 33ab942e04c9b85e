/** The errors that a user, a file, a peer or a child causes. They cross the wire as `{code, message, hint}`. */

/** The closed list. `docs/errors.md` is generated from it. */
export const ERROR_CODES = {
  USAGE: 'The command line or a value in it is wrong.',
  CONFIG_INVALID: 'An ecosystem file or an app definition does not hold.',
  SCRIPT_NOT_FOUND: 'The script, binary or command to run is not there, or cannot be run.',
  INTERPRETER_NOT_FOUND:
    'The program that should run the script is not there, or is too old for it.',
  CWD_UNREADABLE: 'The working directory is not there or may not be entered.',
  APP_NOT_FOUND: 'No app, instance or namespace matches the selector.',
  APP_EXISTS: 'An app of that name is there already.',
  START_FAILED: 'An instance died before it was ready.',
  START_TIMED_OUT: 'An instance was not ready in its listen_timeout.',
  TIMED_OUT: 'The time that the command was given (--timeout) ran out; what it began goes on.',
  OPERATION_FAILED: 'What was asked for could not be done; the message says why.',
  NOTHING_TO_DO: 'What was asked for is the case already.',
  HOME_UNUSABLE: 'LBM_HOME cannot be written, or belongs to somebody else.',
  DAEMON_UNREACHABLE: 'The daemon is not there, or does not answer.',
  PROTOCOL_MISMATCH: 'The two sides speak different major versions of the protocol.',
  STATE_UNREADABLE: 'A file of saved state cannot be read.',
  BAD_REQUEST: 'A request on the socket is malformed.',
  UNSUPPORTED: 'This system or this version of Node cannot do what was asked for.',
  INTERNAL: 'A bug in lbm.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** Exit code of the command that meets the error: 2 for wrong usage, 3 when its own time ran out, else 1. */
export function exitCodeOf(code: ErrorCode): 1 | 2 | 3 {
  if (code === 'USAGE' || code === 'CONFIG_INVALID') return 2
  return code === 'TIMED_OUT' ? 3 : 1
}

export interface WireError {
  code: ErrorCode
  message: string
  hint?: string
  subject?: string
}

export interface LbmErrorOptions {
  hint?: string | undefined
  subject?: string | undefined
  cause?: unknown
}

/**
 * An expected error. Compare by `code`, never by `instanceof` across a process or bundle boundary.
 * The message says what was wrong, where and what is allowed; the hint says what to type.
 */
export class LbmError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  /** The selector or the path that it is about, for whoever says it in other words. */
  readonly subject: string | undefined

  constructor(code: ErrorCode, message: string, { hint, subject, cause }: LbmErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'LbmError'
    this.code = code
    this.hint = hint
    this.subject = subject
  }
}

export function isLbmError(error: unknown): error is LbmError {
  return error instanceof Error && error.name === 'LbmError'
}

/** A bug travels as INTERNAL with its message alone: no stack trace reaches a user. */
export function toWireError(error: unknown): WireError {
  if (isLbmError(error)) {
    const { code, message, hint, subject } = error
    return {
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(subject === undefined ? {} : { subject }),
    }
  }
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
}

export function fromWireError(wire: WireError): LbmError {
  return new LbmError(wire.code in ERROR_CODES ? wire.code : 'INTERNAL', wire.message, {
    hint: wire.hint,
    subject: wire.subject,
  })
}

/** `Did you mean "api"?`, or the list of what there is, or undefined when there is nothing to offer. */
export function didYouMean(given: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  const nearest = nearestOf(given, known)
  if (nearest !== undefined) return `Did you mean "${nearest}"?`
  const shown = [...new Set(known)].slice(0, 10)
  return `There is: ${shown.join(', ')}${known.length > shown.length ? ', …' : ''}.`
}

/** The known word with the smallest edit distance, if that is at most a third of its length (at least 2). */
export function nearestOf(given: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Infinity
  for (const word of known) {
    const distance = editDistance(given.toLowerCase(), word.toLowerCase())
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best !== undefined && bestDistance <= Math.max(2, Math.floor(best.length / 3))
    ? best
    : undefined
}

/** Levenshtein distance by rows (Wagner & Fischer 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution))
    }
    row = next
  }
  return row[b.length] ?? 0
}
