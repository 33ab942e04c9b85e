/** What a program says by sd_notify(3), as far as a supervisor makes use of it. Pure. */

export interface Notification {
  ready: boolean
  stopping: boolean
  /** `alive`: the keep-alive; `trigger`: the program itself says that it must be replaced. */
  watchdog: 'alive' | 'trigger' | undefined
  watchdogMs: number | undefined
  /** One line for people. */
  status: string | undefined
}

const SEPARATOR = '\x1e'
const MAX_STATUS = 200

/** @param text the message with its newlines as \x1e */
export function parseNotification(text: string): Notification {
  const fields = new Map<string, string>()
  for (const line of text.split(SEPARATOR)) {
    const at = line.indexOf('=')
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1))
  }
  const watchdog = fields.get('WATCHDOG')
  const watchdogUs = Number(fields.get('WATCHDOG_USEC') ?? NaN)
  return {
    ready: fields.get('READY') === '1',
    stopping: fields.get('STOPPING') === '1',
    watchdog: watchdog === '1' ? 'alive' : watchdog === 'trigger' ? 'trigger' : undefined,
    watchdogMs: watchdogUs > 0 ? watchdogUs / 1000 : undefined,
    status: fields.get('STATUS')?.slice(0, MAX_STATUS),
  }
}
