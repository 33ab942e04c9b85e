/** A daemon inside the process that somebody looks at (`lbm start --foreground`, `lbm-runtime`): its output and its end are that process's. */

/** Holds the pid of that process. Supervisors that have it end with their daemon, in place of starting another. */
export const FOREGROUND_ENV = 'LBM_FOREGROUND'

/** Where a supervisor has the standard output and error of that process; as a log file, `/dev/fd/3` means the descriptor itself. */
export const FOREGROUND_FDS = { out: 3, error: 4 } as const

export function foregroundLog(which: keyof typeof FOREGROUND_FDS): string {
  return `/dev/fd/${FOREGROUND_FDS[which]}`
}
