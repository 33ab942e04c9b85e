import type { BalanceSpec } from '../../../src/contract/app.ts'

export function balanceSpec(spec: Partial<BalanceSpec> = {}): BalanceSpec {
  return {
    policy: 'least-connections',
    weights: [],
    queueTimeoutMs: 5000,
    proxyProtocol: false,
    ...spec,
  }
}
