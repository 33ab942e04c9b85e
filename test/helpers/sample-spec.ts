import type { AppRecord, AppSpec } from '../../src/contract/app.ts'

/** A complete definition of a fork app that runs this Node; give what the test is about. */
export function sampleSpec(given: Partial<AppSpec> = {}): AppSpec {
  return {
    name: 'api',
    namespace: 'default',
    version: '1.0.0',
    username: 'tester',
    script: '/srv/api.js',
    args: [],
    cwd: '/',
    interpreter: process.execPath,
    interpreterName: 'node',
    interpreterArgs: [],
    runtime: 'node',
    mode: 'fork',
    instances: 1,
    instancesGiven: false,
    env: {},
    envSources: {},
    instanceVar: 'NODE_APP_INSTANCE',
    autostart: true,
    autorestart: true,
    restart: 'always',
    minUptimeMs: 1000,
    restartDelayMs: 0,
    expBackoffRestartDelayMs: 0,
    stopExitCodes: [],
    killTimeoutMs: 2000,
    killSignal: 'SIGINT',
    shutdownWithMessage: false,
    treekill: true,
    listenTimeoutMs: 10_000,
    waitReady: false,
    hangTimeoutMs: 0,
    balance: {
      policy: 'least-connections',
      weights: [],
      queueTimeoutMs: 30_000,
      proxyProtocol: false,
    },
    maxSurge: 1,
    reloadMinUptimeMs: 0,
    soakMs: 0,
    drainIdleMs: 1000,
    drainTimeoutMs: 5000,
    spare: 0,
    leader: false,
    dependsOn: {},
    watch: undefined,
    logs: {
      merge: false,
      type: 'raw',
      disabled: false,
      maxSizeBytes: 10_485_760,
      maxFiles: 10,
      compress: false,
    },
    hooks: {},
    raw: {},
    ...given,
  }
}

/** A record with slots 0…N−1 and ids from `firstId` on. */
export function sampleRecord(
  given: Partial<AppSpec> = {},
  { firstId = 0, desired = 'running' }: { firstId?: number; desired?: 'running' | 'stopped' } = {},
): AppRecord {
  const spec = sampleSpec(given)
  return {
    key: spec.name,
    spec,
    slots: Array.from({ length: spec.instances }, (_, number) => ({
      id: firstId + number,
      number,
      desired,
    })),
    listens: false,
    createdAt: 1,
  }
}
