/** Supervisor ↔ agent, over the IPC channel. `NODE_…` messages are invisible to the app and may carry handles. */

export const AGENT_COMMAND = 'NODE_LBM'

/** Given to the agent at its start, as JSON in this variable; the agent deletes it before the app can see it. */
export const AGENT_ENV = 'LBM_AGENT'

export interface AgentConfig {
  mode: 'fork' | 'cluster'
  /** Interval of `report`. */
  reportMs: number
  proxyProtocol: boolean
}

/** What `net.Server.listen` asks for, as Node's own cluster module words it. */
export interface ListenQuery {
  /** null: every address. A path when `addressType` is −1. */
  address: string | null
  port: number
  addressType: 4 | 6 | -1 | 'udp4' | 'udp6'
  flags: number
  backlog: number
  /** n-th listen of this process on the same address; keeps several `listen(0)` apart. */
  index: number
}

export type FromAgent = { cmd: typeof AGENT_COMMAND } & (
  | { act: 'loaded' }
  | { act: 'listen'; seq: number; query: ListenQuery }
  | { act: 'listening'; address: string; port: number }
  | { act: 'close'; key: string }
  /** Answers each `connection`: the supervisor may then close its copy, or choose another instance. */
  | { act: 'ack'; id: number; accepted: boolean }
  | {
      act: 'report'
      /** Absolute, so that a lost report heals itself. */
      openConnections: number
      activeRequests: number
      requests: number
      loopUtilisation: number
      loopDelayMs: number
      heapUsedBytes: number
    }
  | { act: 'drained' }
  | { act: 'fault'; kind: 'exception' | 'rejection'; message: string; place: string }
)

export type ToAgent = { cmd: typeof AGENT_COMMAND } & (
  | {
      act: 'listen-reply'
      seq: number
      /** Negative errno when the bind failed. */
      errno?: number
      key: string
      /** `dispatched`: connections come as messages; `shared`: the handle beside this message is listened on; `own`: bind it yourself. */
      how: 'dispatched' | 'shared' | 'own'
      sockname?: { address: string; port: number; family?: string }
      /** Session ticket keys for TLS servers, base64, 48 bytes. */
      ticketKeys?: string
    }
  | { act: 'connection'; id: number; key: string; data?: string }
  | { act: 'ticket-keys'; ticketKeys: string }
  | { act: 'drain'; idleMs: number; timeoutMs: number }
)
