/** Notices an app that writes the files it is restarted for. Pure. */

/** Restarts in a row, each soon after the one before was done and for a file that changed before it too. */
export interface WatchLoop {
  restarts: number
  files: readonly string[]
  /** When the last restart was done. */
  doneAtMs: number
}

const SOON_MS = 2000
/** That many in a row are no coincidence. */
const MAX_RESTARTS = 5

export const NO_LOOP: WatchLoop = { restarts: 0, files: [], doneAtMs: -Infinity }

export type WatchDecision =
  | { restart: true; loop: WatchLoop }
  | { restart: false; files: readonly string[] }

/** @param files what changed @param nowMs monotonic */
export function decideWatchRestart(
  loop: WatchLoop,
  files: readonly string[],
  nowMs: number,
): WatchDecision {
  const common = files.filter((file) => loop.files.includes(file))
  const isChained = nowMs - loop.doneAtMs <= SOON_MS && common.length > 0
  if (!isChained) return { restart: true, loop: { ...NO_LOOP, restarts: 1, files } }
  if (loop.restarts >= MAX_RESTARTS) return { restart: false, files: common }
  return { restart: true, loop: { ...loop, restarts: loop.restarts + 1, files: common } }
}

export function restartDone(loop: WatchLoop, nowMs: number): WatchLoop {
  return { ...loop, doneAtMs: nowMs }
}
