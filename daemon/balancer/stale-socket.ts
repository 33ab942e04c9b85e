/** A Unix socket's file outlives the process that bound it. */

import { unlinkSync } from 'node:fs'
import net from 'node:net'

/** Removes the file when nobody listens there. Calls back with whether it is worth to bind again. */
export function removeIfStale(path: string, done: (removed: boolean) => void): void {
  const probe = net.connect(path)
  probe.once('connect', () => {
    probe.destroy()
    done(false)
  })
  probe.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNREFUSED') {
      done(false)
      return
    }
    try {
      unlinkSync(path)
      done(true)
    } catch {
      done(false) // somebody else's folder: the bind's own error says it best
    }
  })
}
