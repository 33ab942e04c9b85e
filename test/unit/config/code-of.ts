import { isLbmError, type LbmError } from '../../../src/contract/errors.ts'

/** The LbmError that this throws. */
export function codeOf(run: () => unknown): LbmError {
  try {
    run()
  } catch (error) {
    if (isLbmError(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
