/** Which protocol two processes of lbm speak, and when they may speak it with each other. */

/** Major: a peer of another major is refused. Minor: fields and methods were added. */
export const PROTOCOL = { major: 1, minor: 0 } as const

export type Role = 'cli' | 'daemon' | 'supervisor'

/** First line of either side of a connection, sent before anything else. */
export interface Hello {
  protocol: { major: number; minor: number }
  /** Version of the program, e.g. `0.1.0`. */
  version: string
  role: Role
  pid: number
}

export function isCompatible(hello: Hello): boolean {
  return hello.protocol.major === PROTOCOL.major
}
