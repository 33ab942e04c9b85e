/** How Node runs a daemon or a supervisor: one thread of V8's for work beside the loop. Its default of four is for more memory than these use in all. */
export const NODE_FLAGS: readonly string[] = ['--v8-pool-size=1']
