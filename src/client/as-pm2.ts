/** Set by the `pm2` that `lbm alias-pm2` writes: lbm under PM2's name speaks as PM2 where scripts listen. */
const AS_PM2 = 'LBM_AS_PM2'

export function isAsPm2(env: NodeJS.ProcessEnv): boolean {
  return env[AS_PM2] !== undefined
}

/** The home that a script means by PM2_HOME, when it calls `pm2`. */
export function pm2HomeOf(env: NodeJS.ProcessEnv): string | undefined {
  return isAsPm2(env) && env['PM2_HOME'] ? env['PM2_HOME'] : undefined
}
