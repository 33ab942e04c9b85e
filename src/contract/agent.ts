/** Supervisor ↔ agent, over the IPC channel. `NODE_…` messages are invisible to the app and may carry handles. */

export { type ProxyHeader, readProxyHeader } from './proxy-protocol.ts'

export const AGENT_COMMAND = 'NODE_LBM'

/**
 * How a message to the agent begins that was written with a handle past Node's own protocol for handles (NODE_HANDLE and its
 * acknowledgement). One line, JSON.
 */
export const RAW_START: string = `{"cmd":"${AGENT_COMMAND}","raw":1,`

/** Given to the agent at its start, as JSON in this variable; the agent deletes it before the app can see it. */
export const AGENT_ENV = 'LBM_AGENT'

export interface AgentConfig {
  mode: 'fork' | 'cluster'
  /** Interval of `report`. */
  reportMs: number
  proxyProtocol: boolean
  /** What ends the app when its supervisor is gone. Default: SIGINT. */
  stopSignal?: string
  slots?: {
    /** Port of the app's listener that slots belong to; absent: the first that listens. */
    port?: number
    /** HTTP servers keep an idle connection at least so long: longer than the proxy in front. */
    keepAliveMs: number
  }
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
  /** Unix sockets: others may connect to it. */
  readableAll?: boolean
  writableAll?: boolean
}

/** One listener of the app, the same in each of its instances. */
export function listenerKey({ address, port, addressType, index }: ListenQuery): string {
  return `${address ?? ''}:${port}:${addressType}:${index}`
}

export type FromAgent = { cmd: typeof AGENT_COMMAND } &
  /** Handles may come as RAW_START says. */
  (
    | { act: 'takes-raw' }
    | { act: 'loaded' }
    /** `canReusePort`: this Node and this system know SO_REUSEPORT. */
    | { act: 'listen'; seq: number; query: ListenQuery; canReusePort?: boolean }
    /** The socket beside this message is bound and listened on; the supervisor keeps it for later instances. */
    | { act: 'offer'; seq: number; query: ListenQuery }
    /** `random`: it asked for port 0. */
    | { act: 'listening'; address: string; port: number; protocol?: 'udp'; random?: true }
    /** Paired with `listening`: a server that listened does so no longer. */
    | { act: 'closed'; address: string; port: number; protocol?: 'udp' }
    /** Paired with `listen-reply`: this instance gave the listener up. */
    | { act: 'close'; key: string }
    /** The listening handle beside this message was asked for by `giveBack`. */
    | { act: 'returned'; key: string }
    /** Answers each `connection`: the supervisor may then close its copy, or choose another instance. `open`: connections open now. */
    | { act: 'ack'; id: number; accepted: boolean; open?: number }
    /** The connection that `whose` asked for comes from this very process. */
    | { act: 'mine'; id: number; key: string }
    /** So many connections in a row were closed at once, without a byte written. */
    | { act: 'failing'; closed: number }
    | {
        act: 'report'
        /** Absolute, so that a lost report heals itself. */
        openConnections: number
        activeRequests: number
        requests: number
        /** Connections accepted since the start. */
        accepted: number
        loopUtilisation: number
        loopDelayMs: number
        heapUsedBytes: number
      }
    /** Without being told to: it has no server for it, or closed that. */
    | { act: 'slot-left'; number: number }
    | { act: 'drained' }
    /** It knows, and has told the app, that it does not lead. */
    | { act: 'renounced' }
    | { act: 'fault'; kind: 'exception' | 'rejection'; message: string; place: string }
  )

export type ToAgent = { cmd: typeof AGENT_COMMAND } & (
  | {
      act: 'listen-reply'
      seq: number
      /** Negative errno when the bind failed. */
      errno?: number
      key: string
      /**
       * `dispatched`: connections come as messages, or from a handle that an `accept` brings; `own`: bind it yourself,
       * and listen when `accept` comes; `shared`: the handle beside this message is this process' own copy.
       */
      how: 'dispatched' | 'shared' | 'own'
      /** As if an `accept` came with it: listens before the app hears that it does. */
      accept?: boolean
      sockname?: { address: string; port: number; family?: string }
      /** Session ticket keys for TLS servers, base64, 48 bytes. */
      ticketKeys?: string
    }
  /** `data`: what was read of it already, base64. */
  | { act: 'connection'; id: number; key: string; data?: string }
  /**
   * Accept from the handle beside this message (from your own where there is none) until `refrain`.
   * `giveBack`: send that handle with `returned`; it is how the supervisor gets at a socket that it has not accepted from.
   */
  | { act: 'accept'; key: string; giveBack?: boolean }
  | { act: 'refrain'; key: string }
  /** Accept from the handle beside this message, too: the slot of an instance number, whatever your own is. */
  | { act: 'slot'; number: number }
  | { act: 'slot-leave'; number: number }
  /** A connection from this local port waits: an app that calls itself before it is ready would wait for itself. */
  | { act: 'whose'; id: number; key: string; port: number }
  | { act: 'ticket-keys'; ticketKeys: string }
  /** It leads from now on, or does not any more; the latter is answered by `renounced`. */
  | { act: 'leader'; leader: boolean }
  /** A spare: it takes this number. `env`: what its environment says differently from now on. */
  | { act: 'chosen'; id: number; number: number; env: Record<string, string> }
  | { act: 'drain'; idleMs: number; timeoutMs: number }
)
