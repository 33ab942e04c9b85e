/** What every balancing policy is given and gives back. */

/** An instance that a connection may go to. */
export interface Candidate {
  /** Unique in the balancer's life; a restarted instance has another. */
  readonly id: number
  /** Instance number, 0 … N−1: kept by a replacement. */
  readonly number: number
  /** Open connections, those handed over and not yet acknowledged included. */
  readonly connections: number
  /** Event-loop utilisation, 0–1. */
  readonly loopUtilisation: number
}

/** What is known of whoever connects. */
export interface Client {
  /** Remote address; empty for a Unix socket. */
  readonly address: string
  /** `sticky`: value of the cookie, header or query parameter, where the request has one. */
  readonly sticky?: StickyValue
}

export interface StickyValue {
  value: string
  /** A header's value is the client's own choice; a cookie or a query value was given out by an instance. */
  from: 'cookie' | 'header' | 'query'
}

export interface Policy {
  /** True where a client belongs to one instance: it waits for that one rather than taking another. */
  readonly affinity: boolean
  /** True where each has its turn or share: one that is busy for a moment is waited for, though others are free. */
  readonly strict: boolean
  /** Id of the member that has this client's session, whether it is a candidate or not (it may be draining). */
  ownerOf?(client: Client): number | undefined
  /** True where only its own instance knows this client: it waits for it for long. */
  hasSession?(client: Client): boolean
  /** The client's instance is blocked, and this member took the connection. */
  moved?(client: Client, id: number): void
  /** @returns undefined only when there are no candidates */
  choose<C extends Candidate>(candidates: readonly C[], client: Client): C | undefined
}
