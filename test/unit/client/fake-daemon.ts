/** A daemon of canned answers behind the real protocol. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { serveRpc } from '../../../daemon/kernel/rpc-server.ts'
import { type HomePaths, homePaths } from '../../../src/contract/home.ts'
import type { Methods } from '../../../src/contract/rpc.ts'
import { PROTOCOL } from '../../../src/contract/version.ts'

export interface FakeDaemon extends AsyncDisposable {
  home: HomePaths
  /** What was asked, in order. */
  requests: { method: string; params: unknown }[]
  notify: (method: string, params: unknown) => void
}

export interface FakeDaemonOptions {
  version?: string
  protocolMajor?: number
}

export async function startFakeDaemon(
  methods: Methods,
  options: FakeDaemonOptions = {},
): Promise<FakeDaemon> {
  const root = mkdtempSync(join(tmpdir(), 'lbm-fake-'))
  const home = homePaths(root)
  const requests: FakeDaemon['requests'] = []
  const recorded = Object.fromEntries(
    Object.entries(methods).map(([method, answer]) => [
      method,
      (params: unknown): unknown => {
        requests.push({ method, params })
        return answer(params)
      },
    ]),
  )
  const server = await serveRpc({
    path: home.socket,
    hello: {
      protocol: { ...PROTOCOL, major: options.protocolMajor ?? PROTOCOL.major },
      version: options.version ?? __LBM_VERSION__,
      role: 'daemon',
      pid: process.pid,
    },
    methods: recorded,
  })
  return {
    home,
    requests,
    notify: (method, params) => server.broadcast(method, params),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
