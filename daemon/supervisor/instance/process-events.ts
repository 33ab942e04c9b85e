/** All that can be heard of a process: from itself, from the system, and from what looks after it. */

import type { HealthEvents } from '../health/health.ts'
import type { ChildEvents } from './child.ts'

export interface ProcessEvents extends ChildEvents, HealthEvents {
  /** False while another serves in its place. */
  isInService: () => boolean
}
