/**
 * How a daemon is told that a supervisor missed the one before: `node daemon.cjs --again`. It is there for supervisors,
 * so where all of them were ended in order meanwhile it leaves, and what was ended stays so.
 */
export const AGAIN_FLAG = '--again'
