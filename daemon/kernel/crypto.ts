import type * as Crypto from 'node:crypto'

/** `node:crypto`, loaded where it is first used: it is 2 ms of a start and 0.4 MB, and most never need it. */
export function loadCrypto(): typeof Crypto {
  return process.getBuiltinModule('node:crypto')
}
